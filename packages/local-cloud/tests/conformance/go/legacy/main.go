// Command legacy makes calls by the legacy Go SDK, with its own answer types.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"

	"conformance/bridge"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/responses"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/bssopenapi"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/ecs"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/sts"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/vpc"
)

// service is a product's client, with what its requests must name.
type service struct {
	client  any
	name    string
	version string
}

func main() {
	services, err := connect()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	bridge.Serve(func(call bridge.Call) (json.RawMessage, error) {
		to := services[call.Product]
		method, err := bridge.Method(to.client, call.Action)
		if err != nil {
			return nil, err
		}
		parameters := map[string]string{}
		if err := json.Unmarshal(call.Parameters, &parameters); err != nil {
			return nil, err
		}
		request := reflect.New(method.Type().In(0).Elem())
		rpc := &requests.RpcRequest{}
		request.Elem().FieldByName("RpcRequest").Set(reflect.ValueOf(rpc))
		rpc.InitWithApiInfo(to.name, to.version, call.Action, "", "")
		rpc.Domain, rpc.Scheme, rpc.Method = os.Getenv("ENDPOINT"), "HTTP", requests.POST
		for name, value := range parameters {
			rpc.QueryParams[name] = value
		}
		answer, err := bridge.Call1(method, request)
		if err != nil {
			return nil, err
		}
		// Parsed by the SDK's own types already; this is what it was parsed from.
		return answer.Interface().(responses.AcsResponse).GetHttpContentBytes(), nil
	})
}

func connect() (map[string]service, error) {
	region, id, secret := os.Getenv("ALIBABA_CLOUD_REGION_ID"), os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_ID"), os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
	ecsClient, vpcClient, stsClient, bssClient := &ecs.Client{}, &vpc.Client{}, &sts.Client{}, &bssopenapi.Client{}
	clients := []interface {
		InitWithAccessKey(string, string, string) error
	}{ecsClient, vpcClient, stsClient, bssClient}
	for _, client := range clients {
		if err := client.InitWithAccessKey(region, id, secret); err != nil {
			return nil, err
		}
		client.(interface{ GetConfig() *sdk.Config }).GetConfig().AutoRetry = false
	}
	return map[string]service{
		"ecs":    {ecsClient, "Ecs", "2014-05-26"},
		"vpc":    {vpcClient, "Vpc", "2016-04-28"},
		"sts":    {stsClient, "Sts", "2015-04-01"},
		"bssapi": {bssClient, "BssOpenApi", "2017-12-14"},
	}, nil
}
