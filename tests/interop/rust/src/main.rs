//! A driver for rust_socketio's asynchronous client: see ../../README.md for the commands.

use base64::{engine::general_purpose::STANDARD, Engine};
use futures_util::FutureExt;
use rust_socketio::{
    asynchronous::{Client, ClientBuilder},
    Event, Payload, TransportType,
};
use serde_json::{json, Value};
use std::{collections::HashMap, time::Duration};
use tokio::io::{stdin, AsyncBufReadExt, BufReader};

const ACK_TIMEOUT: Duration = Duration::from_secs(60);
const LOCK: &str = include_str!("../Cargo.lock");

#[tokio::main]
async fn main() {
    println!("{}", json!({"report": "ready", "version": version(), "runtime": "Rust"}));
    let mut sockets: HashMap<String, Client> = HashMap::new();
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await.expect("standard input is read") {
        let command: Value = serde_json::from_str(&line).expect("a command is JSON");
        let name = text(&command["socket"]);
        match command["do"].as_str() {
            Some("open") => {
                if let Some(client) = open(&name, &command).await {
                    sockets.insert(name, client);
                }
            }
            Some("emit") => emit(&name, &sockets[&name], &command).await,
            _ => {
                if let Some(client) = sockets.get(&name) {
                    // It may have gone already.
                    let _ = client.disconnect().await;
                }
            }
        }
    }
}

async fn open(name: &str, command: &Value) -> Option<Client> {
    let mut builder = ClientBuilder::new(text(&command["url"]))
        .namespace(text(&command["namespace"]))
        .auth(command["auth"].clone())
        .transport_type(match command["options"]["transports"][0].as_str() {
            Some("polling") => TransportType::Polling,
            Some(_) => TransportType::Websocket,
            None => TransportType::Any,
        })
        .reconnect_delay(100, 500);
    // This client does not know of recovery.
    let connected = json!({"report": "connect", "socket": name, "recovered": null});
    builder = builder.on(Event::Connect, move |_, _| tell(connected.clone()));
    for event in [Event::Close, Event::Error] {
        let (name, kind) = (name.to_owned(), event.clone());
        builder = builder.on(event, move |payload, _| {
            let said = coded(payload)[0].clone();
            tell(match kind {
                Event::Close => json!({"report": "disconnect", "socket": name, "reason": said}),
                _ => json!({"report": "error", "socket": name, "message": said.to_string()}),
            })
        });
    }
    for event in command["listen"].as_array().expect("a list") {
        let (name, event) = (name.to_owned(), text(event));
        builder = builder.on(event.clone(), move |payload: Payload, _: Client| {
            tell(json!({"report": "event", "socket": name, "name": event, "args": coded(payload)}))
        });
    }
    match builder.connect().await {
        Ok(client) => Some(client),
        Err(error) => {
            tell(json!({"report": "error", "socket": name, "message": error.to_string()})).await;
            None
        }
    }
}

async fn emit(name: &str, client: &Client, command: &Value) {
    let event = text(&command["event"]);
    let payload = decoded(&command["args"]);
    let sent = match command["ack"].as_i64() {
        None => client.emit(event, payload).await,
        Some(ack) => {
            let name = name.to_owned();
            let answered = move |answer: Payload, _: Client| {
                // It hands over an acknowledgement as the one JSON text that came.
                let args = match coded(answer).as_slice() {
                    [Value::Array(args)] => args.clone(),
                    args => args.to_vec(),
                };
                tell(json!({"report": "ack", "socket": name, "ack": ack, "args": args}))
            };
            client.emit_with_ack(event, payload, ACK_TIMEOUT, answered).await
        }
    };
    if let Err(error) = sent {
        tell(json!({"report": "error", "socket": name, "message": error.to_string()})).await;
    }
}

fn decoded(args: &Value) -> Payload {
    match args[0]["base64"].as_str() {
        Some(data) => Payload::from(STANDARD.decode(data).expect("base64")),
        None => Payload::from(args.as_array().expect("a list").clone()),
    }
}

fn coded(payload: Payload) -> Vec<Value> {
    match payload {
        Payload::Binary(data) => vec![json!({"base64": STANDARD.encode(data)})],
        Payload::Text(args) => args,
        #[allow(deprecated)]
        Payload::String(text) => vec![Value::String(text)],
    }
}

fn tell(report: Value) -> futures_util::future::BoxFuture<'static, ()> {
    async move { println!("{report}") }.boxed()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn version() -> &'static str {
    let rest = LOCK.split("name = \"rust_socketio\"\nversion = \"").nth(1);
    rest.and_then(|rest| rest.split('"').next()).unwrap_or("unknown")
}
