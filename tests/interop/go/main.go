// A driver for github.com/zishang520/socket.io/clients/socket: see ../README.md for the commands.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/zishang520/socket.io/clients/engine/v3/transports"
	"github.com/zishang520/socket.io/clients/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

const (
	module   = "github.com/zishang520/socket.io/clients/socket/v3"
	maxBytes = 1 << 20
)

type command struct {
	Do        string
	Socket    string
	URL       string
	Namespace string
	Auth      map[string]any
	Options   struct{ Transports []string }
	Listen    []string
	Event     string
	Args      []any
	Ack       *int
}

type fields map[string]any

var (
	sockets = map[string]*socket.Socket{}
	writing sync.Mutex
)

func main() {
	report("ready", fields{"version": version(), "runtime": strings.Replace(runtime.Version(), "go", "Go ", 1)})
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, maxBytes)
	for lines.Scan() {
		var told command
		if err := json.Unmarshal(lines.Bytes(), &told); err != nil {
			panic(err)
		}
		carryOut(told)
	}
}

func carryOut(told command) {
	switch told.Do {
	case "open":
		open(told)
	case "emit":
		emit(told)
	default:
		sockets[told.Socket].Disconnect()
	}
}

func open(told command) {
	options := socket.DefaultOptions()
	options.SetForceNew(true)
	options.SetReconnectionDelay(100)
	options.SetReconnectionDelayMax(500)
	options.SetAuth(told.Auth)
	if len(told.Options.Transports) > 0 {
		options.SetTransports(chosen(told.Options.Transports))
	}
	client, err := socket.Connect(told.URL+told.Namespace, options)
	if err != nil {
		panic(err)
	}
	sockets[told.Socket] = client
	tell := func(kind, key string, value any) { report(kind, fields{"socket": told.Socket, key: value}) }
	listen(client, "connect", func(...any) { tell("connect", "recovered", client.Recovered()) })
	listen(client, "disconnect", func(args ...any) { tell("disconnect", "reason", fmt.Sprint(args[0])) })
	listen(client, "connect_error", func(args ...any) { tell("error", "message", fmt.Sprint(args...)) })
	for _, event := range told.Listen {
		listen(client, event, func(args ...any) {
			report("event", fields{"socket": told.Socket, "name": event, "args": coded(args)})
		})
	}
}

func listen(client *socket.Socket, event string, handler func(...any)) {
	if err := client.On(types.EventName(event), handler); err != nil {
		panic(err)
	}
}

func emit(told command) {
	args := make([]any, 0, len(told.Args)+1)
	for _, arg := range told.Args {
		args = append(args, decoded(arg))
	}
	client := sockets[told.Socket]
	var err error
	if told.Ack == nil {
		err = client.Emit(told.Event, args...)
	} else {
		client.EmitWithAck(told.Event, args...)(func(answer []any, err error) {
			if err == nil {
				report("ack", fields{"socket": told.Socket, "ack": *told.Ack, "args": coded(answer)})
			}
		})
	}
	if err != nil {
		report("error", fields{"socket": told.Socket, "message": err.Error()})
	}
}

func chosen(names []string) *types.Set[transports.TransportCtor] {
	known := map[string]transports.TransportCtor{"polling": transports.Polling, "websocket": transports.WebSocket}
	set := types.NewSet[transports.TransportCtor]()
	for _, name := range names {
		set.Add(known[name])
	}
	return set
}

func decoded(arg any) any {
	if found, ok := arg.(map[string]any); ok {
		if text, ok := found["base64"].(string); ok {
			data, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				panic(err)
			}
			return data
		}
	}
	return arg
}

func coded(args []any) []any {
	coded := make([]any, 0, len(args))
	for _, arg := range args {
		if reader, ok := arg.(io.Reader); ok {
			data, err := io.ReadAll(reader)
			if err != nil {
				panic(err)
			}
			arg = data
		}
		if data, ok := arg.([]byte); ok {
			arg = fields{"base64": base64.StdEncoding.EncodeToString(data)}
		}
		coded = append(coded, arg)
	}
	return coded
}

func report(kind string, more fields) {
	more["report"] = kind
	line, err := json.Marshal(more)
	if err != nil {
		panic(err)
	}
	writing.Lock()
	defer writing.Unlock()
	fmt.Println(string(line))
}

func version() string {
	build, _ := debug.ReadBuildInfo()
	for _, dependency := range build.Deps {
		if dependency.Path == module {
			return strings.TrimPrefix(dependency.Version, "v")
		}
	}
	return "unknown"
}
