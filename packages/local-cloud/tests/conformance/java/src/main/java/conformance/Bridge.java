package conformance;

import com.aliyun.tea.TeaException;
import com.aliyun.tea.TeaModel;
import com.aliyun.teaopenapi.models.Config;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.ToNumberPolicy;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Makes calls by the official Java SDKs, with their own request and answer types: a call a line, an answer a line. */
public final class Bridge {
  private static final Gson JSON =
      new GsonBuilder().setObjectToNumberStrategy(ToNumberPolicy.LONG_OR_DOUBLE).create();

  private record Call(String Product, String Action, Map<String, Object> Parameters) {}

  public static void main(String[] arguments) throws Exception {
    Map<String, Object> clients = connect();
    var answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    System.setOut(System.err); // the SDK writes there what it converts
    var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = lines.readLine()) != null; ) {
      Map<String, Object> answer = new LinkedHashMap<>();
      try {
        answer.put("members", perform(clients, JSON.fromJson(line, Call.class)));
      } catch (InvocationTargetException error) {
        answer.put("error", error.getCause() instanceof TeaException refused ? refused.getCode() : "" + error.getCause());
      } catch (Exception error) {
        answer.put("error", error.toString());
      }
      answers.println(JSON.toJson(answer));
    }
  }

  private static Map<String, Object> perform(Map<String, Object> clients, Call call) throws Exception {
    Object client = clients.get(call.Product());
    String name = Character.toLowerCase(call.Action().charAt(0)) + call.Action().substring(1);
    boolean bare = call.Parameters().isEmpty();
    Method method =
        Arrays.stream(client.getClass().getMethods())
            .filter(one -> one.getName().equals(name) && one.getParameterCount() <= 1)
            .min((one, other) -> bare ? one.getParameterCount() - other.getParameterCount() : other.getParameterCount() - one.getParameterCount())
            .orElseThrow(() -> new NoSuchMethodException("the SDK has no " + name));
    Object answer;
    if (method.getParameterCount() == 0) {
      answer = method.invoke(client);
    } else {
      TeaModel request = (TeaModel) method.getParameterTypes()[0].getConstructor().newInstance();
      answer = method.invoke(client, TeaModel.toModel(call.Parameters(), request));
    }
    return ((TeaModel) answer.getClass().getMethod("getBody").invoke(answer)).toMap();
  }

  private static Map<String, Object> connect() throws Exception {
    Config config =
        new Config()
            .setAccessKeyId(System.getenv("ALIBABA_CLOUD_ACCESS_KEY_ID"))
            .setAccessKeySecret(System.getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET"))
            .setRegionId(System.getenv("ALIBABA_CLOUD_REGION_ID"))
            .setEndpoint(System.getenv("ENDPOINT"))
            .setProtocol("http");
    return Map.of(
        "ecs", new com.aliyun.ecs20140526.Client(config),
        "vpc", new com.aliyun.vpc20160428.Client(config),
        "sts", new com.aliyun.sts20150401.Client(config),
        "bssapi", new com.aliyun.bssopenapi20171214.Client(config));
  }
}
