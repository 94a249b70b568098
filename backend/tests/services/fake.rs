//! Fake services: programs that answer HTTP requests with fixed responses.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// Starts a server that answers each request with `respond`, which gets the request's head; returns its address.
pub(crate) fn start_fake(respond: impl Fn(&str) -> String + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let respond = Arc::new(respond);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let respond = Arc::clone(&respond);
            std::thread::spawn(move || answer(stream.unwrap(), &*respond));
        }
    });
    url
}

/// A response with a body, after which the connection is closed.
pub(crate) fn response(status: u16, media_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn answer(mut stream: TcpStream, respond: &dyn Fn(&str) -> String) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.extend_from_slice(&byte);
    }
    let _ = stream.write_all(respond(&String::from_utf8_lossy(&head)).as_bytes());
}
