#!/usr/bin/env bash
# CloudEvents in Go: data of a content type that ends in +json is refused
#
# Versions: github.com/cloudevents/sdk-go 2.16.2 (Go), cloudevents 10.0.0 (npm).
# Expected: the JSON format (section 3.1.1) counts `application/json` and each type with the suffix `+json` as JSON. The
# data of such an event is the JSON value itself, an object for example, as the JavaScript SDK writes it.
# Seen: Go knows only `application/json` and `text/json`. It takes another JSON type for text and refuses the whole event,
# unless the data is a string: then it is accepted, and its body in binary mode is `shipped` without quotes, which is no
# JSON.
#
# Output:
#> application/json          {"state":"shipped"} body {"state":"shipped"}, valid JSON: true
#> application/json          "shipped"           body "shipped", valid JSON: true
#> text/json                 {"state":"shipped"} body {"state":"shipped"}, valid JSON: true
#> text/json                 "shipped"           body "shipped", valid JSON: true
#> application/vnd.shop+json {"state":"shipped"} refused: unexpected data payload for media type "application/vnd.shop+json", expected a str
#> application/vnd.shop+json "shipped"           body shipped, valid JSON: false

set -euo pipefail
script=$(realpath "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

npm install --silent --no-audit --no-fund cloudevents@10.0.0
go mod init probe 2> /dev/null
go get github.com/cloudevents/sdk-go/v2@v2.16.2 2> /dev/null

cat > write.mjs <<'PROBE'
import { CloudEvent, HTTP } from "cloudevents";

for (const datacontenttype of ["application/json", "text/json", "application/vnd.shop+json"])
  for (const data of [{ state: "shipped" }, "shipped"])
    console.log(HTTP.structured(new CloudEvent({ id: "1", source: "/shop", type: "t", datacontenttype, data })).body);
PROBE
cat > read.go <<'PROBE'
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

func main() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var sent struct {
			Kind string          `json:"datacontenttype"`
			Data json.RawMessage `json:"data"`
		}
		json.Unmarshal(lines.Bytes(), &sent)
		fmt.Printf("%-25s %-19s ", sent.Kind, sent.Data)
		received := event.Event{}
		if err := json.Unmarshal(lines.Bytes(), &received); err != nil {
			fmt.Printf("refused: %.82s\n", err)
			continue
		}
		request, _ := http.NewRequest("POST", "http://127.0.0.1/", nil)
		binary := binding.WithForceBinary(context.Background())
		if err := cehttp.WriteRequest(binary, binding.ToMessage(&received), request); err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(request.Body)
		fmt.Printf("body %s, valid JSON: %v\n", body, json.Valid(body))
	}
}
PROBE
go mod tidy 2> /dev/null
go build -o read read.go
node write.mjs | ./read | tee output

diff <(sed -n 's/^#> //p' "$script") output || { echo "the behaviour has changed" >&2; exit 1; }
