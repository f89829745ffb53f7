//! `oxide PORT REDIS_PORT`: socketioxide on one thread. It emits what comes on the channel `bench`.

use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::value::RawValue;
use socketioxide::{
    SocketIo,
    extract::{AckSender, Data, SocketRef},
};

#[derive(Deserialize)]
struct Message<'a> {
    event: &'a str,
    room: Option<&'a str>,
    #[serde(borrow)]
    argument: &'a RawValue,
}

/// Lets a client join rooms, as it can with this gateway.
async fn subscribe(socket: SocketRef, Data(rooms): Data<Vec<String>>, acknowledge: AckSender) {
    socket.join(rooms);
    let _ = acknowledge.send("ok"); // an error says that the client is gone
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ports: Vec<String> = std::env::args().skip(1).collect();
    let (layer, io) = SocketIo::builder().max_buffer_size(4096).build_layer();
    io.ns("/", async |socket: SocketRef| {
        socket.join(socket.id.to_string());
        socket.on("subscribe", subscribe);
    });

    let client = redis::Client::open(format!("redis://127.0.0.1:{}/0", ports[1]))?;
    let mut subscription = client.get_async_pubsub().await?;
    subscription.subscribe("bench").await?;
    tokio::spawn(async move {
        let mut messages = subscription.on_message();
        while let Some(message) = messages.next().await {
            let message: Message = serde_json::from_slice(message.get_payload_bytes()).unwrap();
            let sent = match message.room {
                Some(room) => io.to(room.to_string()).emit(message.event, message.argument).await,
                None => io.emit(message.event, message.argument).await,
            };
            // An error says that a client is gone, or that its buffer is full: the clients count.
            let _ = sent;
        }
    });

    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{}", ports[0])).await?;
    axum::serve(listener, axum::Router::new().layer(layer)).await?;
    Ok(())
}
