use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::client::{Method, http_client};

const URL: &str = "http://shop/topics";

fn connection_to(url: &str) -> Connection {
    Connection::to(url, &http_client().unwrap(), Caller::default()).unwrap()
}

/// A server that answers each request with the next response, piece by piece; the piece `close` closes the connection.
fn serve(responses: Vec<Vec<&'static str>>) -> Connection {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connection = connection_to(&format!("http://{}", listener.local_addr().unwrap()));
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        for response in responses {
            let mut request = [0; 4_096];
            if stream.read(&mut request).unwrap_or(0) == 0 {
                (stream, _) = listener.accept().unwrap();
                assert_ne!(stream.read(&mut request).unwrap(), 0);
            }
            stream.set_nodelay(true).unwrap();
            for piece in response {
                if piece == "close" {
                    stream.shutdown(Shutdown::Both).unwrap();
                } else {
                    stream.write_all(piece.as_bytes()).unwrap();
                }
            }
        }
        // Keeps the connection open until the client closes it.
        let _ = stream.read(&mut [0]);
    });
    connection
}

async fn get(connection: &Connection) -> Result<Response, Error> {
    connection.send(URL, &Request::get("/topics")).await
}

#[tokio::test]
async fn responses_of_every_framing_arrive_over_one_connection() {
    let connection = serve(vec![
        vec![
            "HTTP/1.1 200 OK\r\nContent-Le",
            "ngth: 2\r\nBookstore-Seq: 7\r\n\r\n{",
            "}",
        ],
        vec![
            "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n",
            "HTTP/1.1 503 x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{\"",
            "\r\n3\r\na\"}\r\n0\r\n\r\n",
        ],
        vec!["HTTP/1.1 304 x\r\ncontent-length: 9\r\netag: \"5\"\r\n\r\n"],
        vec!["HTTP/1.1 200 x\r\n\r\nto the ", "end", "close"],
    ]);
    let first = get(&connection).await.unwrap();
    assert_eq!(
        (first.status, &first.body[..], first.seq),
        (200, &b"{}"[..], "7".parse().ok())
    );
    let second = get(&connection).await.unwrap();
    assert_eq!((second.status, &second.body[..]), (503, &b"{\"a\"}"[..]));
    let third = get(&connection).await.unwrap();
    assert_eq!((third.status, third.body.len(), third.etag), (304, 0, "5".parse().ok()));
    assert_eq!(&get(&connection).await.unwrap().body[..], b"to the end");
}

#[tokio::test]
async fn a_truncated_response_is_lost_and_the_next_request_opens_another_connection() {
    let connection = serve(vec![
        vec!["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", "close"],
        vec![
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}",
            "close",
        ],
        vec!["HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}", "close"],
        vec!["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"],
    ]);
    assert!(matches!(get(&connection).await, Err(Error::Lost { .. })));
    for _ in 0..3 {
        assert_eq!(get(&connection).await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn a_connection_that_the_server_closed_while_idle_is_replaced() {
    const RESPONSE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    let connection = serve(vec![vec![RESPONSE, "close"], vec![RESPONSE]]);
    get(&connection).await.unwrap();
    while connection.open.lock().await.as_mut().unwrap().is_ready().await {
        tokio::task::yield_now().await;
    }
    assert_eq!(get(&connection).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_refused_connection_is_unreachable_and_another_protocol_is_malformed() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let connection = connection_to(&format!("http://{gone}"));
    assert!(matches!(get(&connection).await, Err(Error::Unreachable { .. })));
    let connection = serve(vec![vec!["220 ready to send mail\r\n"]]);
    assert!(matches!(get(&connection).await, Err(Error::Malformed { .. })));
}

#[tokio::test]
async fn the_time_limit_includes_the_wait_for_the_connection_and_for_the_response() {
    let connection = serve(vec![vec![]]);
    let request = Request::get("/topics").timeout(Duration::from_millis(20));
    let busy = connection.open.lock().await;
    let outcome = connection.send(URL, &request).await;
    assert!(matches!(outcome, Err(Error::Unreachable { .. })), "{outcome:?}");
    drop(busy);
    let outcome = connection.send(URL, &request).await;
    assert!(matches!(outcome, Err(Error::Lost { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_response_above_the_size_limit_is_malformed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connection = connection_to(&format!("http://{}", listener.local_addr().unwrap()));
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert_ne!(stream.read(&mut [0; 4_096]).unwrap(), 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        while stream.write_all(&[b' '; 64 * 1024]).is_ok() {}
    });
    let outcome = get(&connection).await;
    assert!(matches!(outcome, Err(Error::Malformed { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_request_is_written_with_its_header_fields_and_none_can_be_smuggled_in() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/books", listener.local_addr().unwrap());
    let caller = Caller {
        is_service: true,
        service_token: Some(Arc::new(|| Some("a-service-token".into()))),
    };
    let connection = Connection::to(&base, &http_client().unwrap(), caller).unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, address) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n1") {
            let mut bytes = [0; 4_096];
            let length = stream.read(&mut bytes).unwrap();
            assert_ne!(length, 0, "the request of {address} ended early");
            request.extend_from_slice(&bytes[..length]);
        }
        stream.write_all(b"HTTP/1.1 204 x\r\n\r\n").unwrap();
        (String::from_utf8(request).unwrap(), stream.local_addr().unwrap())
    });
    let split = Request::get("/").header("a", "b\r\nc: d");
    assert!(matches!(
        connection.send(&base, &split).await,
        Err(Error::Unreachable { .. })
    ));
    let request = Request::new(Method::POST, "/buy?x=1").header("a", "b").json(&1);
    connection.send(&format!("{base}/buy?x=1"), &request).await.unwrap();
    let (text, address) = server.join().unwrap();
    assert!(text.starts_with("POST /books/buy?x=1 HTTP/1.1\r\n"), "{text}");
    for field in [
        format!("host: {address}"),
        "a: b".to_owned(),
        "content-type: application/json".to_owned(),
        "content-length: 1".to_owned(),
        "bookstore-hops: 1".to_owned(),
        "bookstore-service-token: a-service-token".to_owned(),
    ] {
        assert!(text.contains(&format!("\r\n{field}\r\n")), "{text}");
    }
}

#[tokio::test]
async fn a_success_whose_body_is_declared_as_something_else_is_no_json() {
    let connection = serve(vec![
        vec!["HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\n{}"],
        vec!["HTTP/1.1 200 OK\r\ncontent-type: Application/JSON; charset=utf-8\r\ncontent-length: 2\r\n\r\n{}"],
    ]);
    let html = get(&connection).await.unwrap().parse::<serde_json::Value>();
    assert!(matches!(html, Err(Error::Malformed { .. })), "{html:?}");
    assert!(get(&connection).await.unwrap().parse::<serde_json::Value>().is_ok());
}
