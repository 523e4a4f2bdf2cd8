//! What may stand before a gateway: a proxy that loses a header, or something else altogether.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Gone when it is dropped.
pub(super) struct Front {
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The head of the request that comes over a connection.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            break;
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

impl Front {
    /// A proxy that loses a header of each request.
    pub(super) async fn without_header(behind: &str, lost: &'static str) -> Self {
        let behind = behind.to_owned();
        Self::serve(move |mut stream| {
            let behind = behind.clone();
            async move {
                let head = head(&mut stream).await;
                let kept = head
                    .split_inclusive("\r\n")
                    .filter(|line| !line.to_lowercase().starts_with(&format!("{lost}:")));
                let kept: String = kept.collect();
                if let Ok(mut server) = TcpStream::connect(behind).await {
                    server.write_all(kept.as_bytes()).await.ok();
                    copy_bidirectional(&mut stream, &mut server).await.ok();
                }
            }
        })
        .await
    }

    /// Something that answers everything with this head.
    pub(super) async fn says(head_of_answer: &'static str) -> Self {
        Self::serve(move |mut stream| async move {
            head(&mut stream).await;
            let answer =
                format!("{head_of_answer}connection: close\r\ncontent-length: 8\r\n\r\nwelcome!");
            stream.write_all(answer.as_bytes()).await.ok();
            stream.shutdown().await.ok();
            // What was not read would take the answer back.
            tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.ok();
        })
        .await
    }

    async fn serve<F: Future<Output = ()> + Send + 'static>(
        each: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(each(stream));
            }
        });
        Self { address, task }
    }
}
