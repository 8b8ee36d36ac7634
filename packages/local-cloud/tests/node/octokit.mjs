// The local GitHub as Octokit, GitHub's own client, sees it. Usage: node octokit.mjs PORT TOKEN
import assert from "node:assert/strict";
import { Octokit } from "@octokit/core";

const [port, token] = process.argv.slice(2);
const octokit = new Octokit({ auth: token, baseUrl: `http://127.0.0.1:${port}/_github/api/v3` });
const scopes = [
  ["/repos/{owner}/{repo}", { owner: "octo-org", repo: "octo-repo" }],
  ["/orgs/{org}", { org: "octo-org" }],
];
for (const [path, scope] of scopes) {
  const made = await octokit.request(`POST ${path}/actions/runners/generate-jitconfig`, {
    ...scope,
    name: "one",
    runner_group_id: 1,
    labels: ["one"],
  });
  assert.equal(made.status, 201);
  assert.ok(JSON.parse(Buffer.from(made.data.encoded_jit_config, "base64"))[".runner"]);
  const listed = await octokit.request(`GET ${path}/actions/runners`, { ...scope, per_page: 1 });
  assert.equal(listed.data.total_count, 1);
  const runner_id = listed.data.runners[0].id;
  const one = await octokit.request(`GET ${path}/actions/runners/{runner_id}`, { ...scope, runner_id });
  assert.equal(one.data.status, "offline");
  const tokens = await octokit.request(`POST ${path}/actions/runners/registration-token`, scope);
  assert.ok(Date.parse(tokens.data.expires_at) > Date.now());
  const gone = await octokit.request(`DELETE ${path}/actions/runners/{runner_id}`, { ...scope, runner_id });
  assert.equal(gone.status, 204);
  await assert.rejects(octokit.request(`GET ${path}/actions/runners/{runner_id}`, { ...scope, runner_id }), {
    status: 404,
  });
}
const stranger = new Octokit({ auth: "wrong", baseUrl: octokit.request.endpoint.DEFAULTS.baseUrl });
await assert.rejects(stranger.request("GET /orgs/{org}/actions/runners", { org: "octo-org" }), { status: 401 });
console.log("octokit: ok");
