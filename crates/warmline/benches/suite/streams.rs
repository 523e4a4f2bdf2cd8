//! Open Direct Line streams, and what arrives on them.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use futures_util::StreamExt;
use tokio::{net::TcpStream, task::JoinSet};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use crate::{chats::Chat, feed::messages, flights::Flights, http::Connection};

/// What a client here reads at once, in bytes. The library's own choice is 128 KiB for each stream.
const READ_BYTES: usize = 4 * 1_024;

/// One stream for each chat; they close when this is dropped.
#[derive(Debug)]
pub(crate) struct Streams {
    _readers: JoinSet<()>,
}

impl Streams {
    /// Opens a stream for each chat and notes what arrives.
    pub(crate) async fn open(
        gateway: SocketAddr,
        chats: &[Chat],
        flights: &Arc<Flights>,
    ) -> anyhow::Result<Self> {
        let mut connection = Connection::open(gateway).await?;
        let mut readers = JoinSet::new();
        for chat in chats {
            let path = chat.stream_path(gateway, &mut connection).await?;
            let socket = TcpStream::connect(gateway).await?;
            socket.set_nodelay(true)?;
            let config = WebSocketConfig::default().read_buffer_size(READ_BYTES);
            let url = format!("ws://{gateway}{path}");
            let opened = client_async_with_config(url, socket, Some(config)).await;
            let (stream, _) = opened.context("a stream cannot be opened")?;
            readers.spawn(read(stream, chat.number, Arc::clone(flights)));
        }
        Ok(Self { _readers: readers })
    }
}

async fn read(mut stream: WebSocketStream<TcpStream>, chat: usize, flights: Arc<Flights>) {
    let fault = loop {
        let set = match stream.next().await {
            Some(Ok(Message::Text(set))) => set,
            Some(Ok(Message::Close(frame))) => break format!("its stream was closed: {frame:?}"),
            Some(Ok(_)) => continue,
            Some(Err(error)) => break format!("its stream broke: {error}"),
            None => break "its stream ended".to_owned(),
        };
        for (of, number) in messages(&set) {
            if of == chat {
                flights.lands(chat, number);
            } else {
                flights.fails(chat, format!("its stream shows a message of chat {of}"));
            }
        }
    };
    flights.fails(chat, fault);
}
