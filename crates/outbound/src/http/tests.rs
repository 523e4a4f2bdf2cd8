use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{advance, pause};

use super::*;
use crate::guard::tests::Told;

/// Longer than anything here takes.
const AMPLE: Duration = Duration::from_secs(20);

fn post(to: &str) -> Request<Full<Bytes>> {
    Request::post(to).body(Full::from("hello")).unwrap()
}

fn soon() -> Instant {
    Instant::now() + AMPLE
}

/// A server that does the same to each connection, after it has read the whole request.
async fn server(does: &'static [u8]) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            if read_request(&mut stream).await {
                stream.write_all(does).await.unwrap();
            }
        }
    });
    (url, serving)
}

/// Whether a whole request came.
async fn read_request(stream: &mut TcpStream) -> bool {
    let mut read = Vec::new();
    let mut buffer = [0; 1024];
    while !read.ends_with(b"\r\n\r\nhello") {
        match stream.read(&mut buffer).await {
            Ok(bytes @ 1..) => read.extend_from_slice(&buffer[..bytes]),
            _ => return false,
        }
    }
    true
}

#[tokio::test]
async fn a_port_where_nobody_listens_has_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = HttpClient::new().unwrap().request(post(&url), soon()).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable(_)), "{error:?}");
    assert_eq!(error.sent(), Sent::No);
    assert!(error.cause().contains("refused"), "{}", error.cause());
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_may_have_brought_it() {
    let (url, _server) = server(b"").await;
    let error = HttpClient::new().unwrap().request(post(&url), soon()).await.unwrap_err();
    assert!(matches!(error, HttpError::Interrupted { .. }), "{error:?}");
    assert_eq!(error.sent(), Sent::Perhaps);
}

#[tokio::test]
async fn a_deadline_before_there_is_a_connection_means_that_nothing_arrived() {
    // Nobody accepts, and TLS waits for an answer to its greeting.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let until = Instant::now() + Duration::from_millis(50);
    let error = HttpClient::new().unwrap().request(post(&url), until).await.unwrap_err();
    assert!(matches!(error, HttpError::TimedOut { sent: Sent::No }), "{error:?}");
}

#[tokio::test]
async fn a_deadline_after_the_request_was_sent_means_that_it_may_have_arrived() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let client = HttpClient::new().unwrap();
    let until = Instant::now() + Duration::from_hours(1);
    let arrives = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(read_request(&mut stream).await);
        pause();
        advance(Duration::from_hours(1)).await;
        stream
    };
    let (answer, _stream) = tokio::join!(client.request(post(&url), until), arrives);
    let error = answer.unwrap_err();
    assert!(matches!(error, HttpError::TimedOut { sent: Sent::Perhaps }), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_is_too_large_is_none_but_its_start_can_be_had() {
    let (url, _server) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nstart").await;
    let client = HttpClient::new().unwrap();
    let error = client.request(post(&url), soon()).await.unwrap_err();
    assert!(matches!(error, HttpError::BrokeOff), "{error:?}");
    let error = client.request_up_to(3, post(&url), soon()).await.unwrap_err();
    assert!(matches!(error, HttpError::TooLarge { bytes_max: 3 }), "{error:?}");
    assert_eq!(error.sent(), Sent::Perhaps);

    for (bytes_max, expected) in [(3, "sta"), (100, "start"), (0, "")] {
        let head = client.send(post(&url), soon()).await.unwrap();
        assert_eq!(head.status, StatusCode::OK);
        let answer = head.read_start(bytes_max, soon()).await;
        assert_eq!(answer.body, expected);
    }
}

/// Two addresses of this machine, of which a test takes the first for public.
async fn at_two_addresses() -> (u16, [TcpListener; 2]) {
    loop {
        let one = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let port = one.local_addr().unwrap().port();
        if let Ok(other) = TcpListener::bind(("127.0.0.1", port)).await {
            return (port, [one, other]);
        }
    }
}

fn only_the_vetted(_: &Names, _: &str, address: std::net::IpAddr) -> bool {
    address == std::net::Ipv4Addr::new(127, 0, 0, 2)
}

#[tokio::test]
async fn a_name_that_is_bound_anew_never_leads_beyond_the_address_that_was_vetted() {
    let (port, [vetted, inside]) = at_two_addresses().await;
    let url = format!("http://rebinds.example.org:{port}/");
    // What it was vetted by, and from then on where it should have led.
    let told = Told::new(&[&["127.0.0.1", "127.0.0.2"], &["127.0.0.1"]]);
    let guard = Guard::told(Names::default(), std::sync::Arc::clone(&told), only_the_vetted);
    let client = HttpClient::with(Duration::from_secs(30), guard, &[]).unwrap();

    let serving = tokio::spawn(async move {
        let (mut stream, _) = vetted.accept().await.unwrap();
        assert!(read_request(&mut stream).await);
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
        stream.write_all(answer).await.unwrap();
    });
    assert_eq!(client.request(post(&url), soon()).await.unwrap().body, "ok");
    // What was judged was connected to: the name was not looked up in between.
    assert_eq!(told.asked(), 1);
    serving.await.unwrap();

    let error = client.request(post(&url), soon()).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable(_)), "{error:?}");
    assert_eq!(told.asked(), 2);
    // Nobody ever came to the other address.
    let came = inside.into_std().unwrap().accept();
    assert_eq!(came.unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = elsewhere.local_addr().unwrap();
    let clients = [
        HttpClient::new().unwrap(),
        HttpClient::to(Names::Said(crate::Said::default()), &[]).unwrap(),
    ];
    for status in [301, 302, 303, 307, 308] {
        let says =
            format!("HTTP/1.1 {status} X\r\nlocation: http://{to}/\r\ncontent-length: 0\r\n\r\n");
        let (url, _server) = server(says.leak().as_bytes()).await;
        for client in &clients {
            let answer = client.request(post(&url), soon()).await.unwrap();
            assert_eq!(answer.status.as_u16(), status);
        }
    }
    let came = elsewhere.into_std().unwrap().accept();
    assert_eq!(came.unwrap_err().kind(), io::ErrorKind::WouldBlock);
}
