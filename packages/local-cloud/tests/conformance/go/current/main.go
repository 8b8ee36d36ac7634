// Command current makes calls by the current Go SDKs, with their own request and answer types.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"

	"conformance/bridge"

	"github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	ecs "github.com/alibabacloud-go/ecs-20140526/v7/client"
	"github.com/alibabacloud-go/tea/tea"
	vpc "github.com/alibabacloud-go/vpc-20160428/v6/client"
)

func main() {
	clients, err := connect()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	bridge.Serve(func(call bridge.Call) (json.RawMessage, error) {
		method, err := bridge.Method(clients[call.Product], call.Action)
		if err != nil {
			return nil, err
		}
		request := reflect.New(method.Type().In(0).Elem())
		decoder := json.NewDecoder(bytes.NewReader(call.Parameters))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(request.Interface()); err != nil {
			return nil, err
		}
		answer, err := bridge.Call1(method, request)
		if err != nil {
			return nil, err
		}
		return json.Marshal(answer.Elem().FieldByName("Body").Interface())
	})
}

func connect() (map[string]any, error) {
	config := &utils.Config{
		AccessKeyId:     tea.String(os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_ID")),
		AccessKeySecret: tea.String(os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET")),
		Endpoint:        tea.String(os.Getenv("ENDPOINT")),
		RegionId:        tea.String(os.Getenv("ALIBABA_CLOUD_REGION_ID")),
		Protocol:        tea.String("http"),
	}
	ecsClient, err := ecs.NewClient(config)
	if err != nil {
		return nil, err
	}
	vpcClient, err := vpc.NewClient(config)
	return map[string]any{"ecs": ecsClient, "vpc": vpcClient}, err
}
