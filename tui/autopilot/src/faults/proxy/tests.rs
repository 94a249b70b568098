//! Proxies before an echo server.

use super::*;

/// An echo server that reports what it received.
async fn echo() -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let sender = sender.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0; 1_024];
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    sender
                        .send(String::from_utf8_lossy(&buffer[..length]).into_owned())
                        .unwrap();
                    stream.write_all(&buffer[..length]).await.unwrap();
                }
            });
        }
    });
    (address, receiver)
}

async fn send(stream: &mut TcpStream, text: &str) -> Option<String> {
    stream.write_all(text.as_bytes()).await.ok()?;
    let mut buffer = vec![0; 1_024];
    let length = stream.read(&mut buffer).await.ok().filter(|length| *length > 0)?;
    Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

#[tokio::test]
async fn a_proxy_forwards_both_ways_before_and_after_connections_are_closed() {
    let (address, _received) = echo().await;
    let proxy = Proxy::bind(Target::Tcp(address)).await.unwrap();
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    assert_eq!(send(&mut stream, "hello").await.as_deref(), Some("hello"));
    proxy.close_connections();
    assert_eq!(send(&mut stream, "hello").await, None);
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    assert_eq!(send(&mut stream, "again").await.as_deref(), Some("again"));
}

#[tokio::test]
async fn discarded_data_never_arrives() {
    let (address, mut received) = echo().await;
    let proxy = Proxy::bind(Target::Tcp(address)).await.unwrap();
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    send(&mut stream, "first").await.unwrap();
    proxy.set(Mode::Discard);
    stream.write_all(b"second").await.unwrap();
    let mut lost = vec![0; 16];
    let reading = tokio::spawn(async move { stream.read(&mut lost).await.unwrap_or(0) });
    // A connection with discarded data subscribes to the next change of mode.
    while proxy.shared.mode.receiver_count() == 0 {
        tokio::task::yield_now().await;
    }
    proxy.set(Mode::Forward);
    assert_eq!(received.recv().await.as_deref(), Some("first"));
    let _ = reading.await;
    assert!(received.try_recv().is_err(), "discarded data arrived");
}

#[tokio::test]
async fn only_a_purchase_with_a_key_is_duplicated() {
    let (address, mut received) = echo().await;
    let proxy = Proxy::bind(Target::Tcp(address)).await.unwrap();
    proxy.set(Mode::Duplicate);
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    let purchase = "POST /buy HTTP/1.1\r\nIdempotency-Key: x\r\ncontent-length: 2\r\n\r\n{}";
    for text in ["GET / HTTP/1.1\r\n\r\n", purchase] {
        send(&mut stream, text).await.unwrap();
    }
    let mut requests = Vec::new();
    for _ in 0..3 {
        requests.push(received.recv().await.unwrap());
    }
    assert_eq!(requests.iter().filter(|request| *request == purchase).count(), 2);
    assert_eq!(proxy.interventions(), 1);
}
