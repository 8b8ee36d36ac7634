// Package bridge reads calls from standard input, a JSON object a line, and writes each answer as one.
package bridge

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
)

// Call is one call of an action.
type Call struct {
	Product    string
	Action     string
	Parameters json.RawMessage
}

// Answer holds the members of an answer, or the code of an error.
type Answer struct {
	Members json.RawMessage `json:"members,omitempty"`
	Error   string          `json:"error,omitempty"`
}

// Serve answers each call by perform until standard input ends.
func Serve(perform func(Call) (json.RawMessage, error)) {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var call Call
		if err := json.Unmarshal(lines.Bytes(), &call); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		answer := Answer{}
		if members, err := perform(call); err != nil {
			answer.Error = code(err)
		} else {
			answer.Members = members
		}
		if err := answers.Encode(answer); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
}

// code returns the API's error code: each SDK has an error type of its own.
func code(err error) string {
	if refused, ok := err.(interface{ ErrorCode() string }); ok {
		return refused.ErrorCode()
	}
	if refused, ok := err.(interface{ GetCode() *string }); ok && refused.GetCode() != nil {
		return *refused.GetCode()
	}
	value := reflect.Indirect(reflect.ValueOf(err))
	if value.Kind() == reflect.Struct {
		if field := reflect.Indirect(value.FieldByName("Code")); field.IsValid() && field.Kind() == reflect.String {
			return field.String()
		}
	}
	return err.Error()
}

// Method returns the client's method for an action.
func Method(client any, action string) (reflect.Value, error) {
	method := reflect.ValueOf(client).MethodByName(action)
	if !method.IsValid() {
		return method, fmt.Errorf("the SDK has no %s", action)
	}
	return method, nil
}

// Call1 calls a method that takes a request and returns an answer and an error.
func Call1(method, request reflect.Value) (reflect.Value, error) {
	results := method.Call([]reflect.Value{request})
	if err, _ := results[1].Interface().(error); err != nil {
		return results[0], err
	}
	return results[0], nil
}
