//! tmp
use std::{
    io::{Read, Write},
    net::TcpListener,
};
fn main() {
    let l = TcpListener::bind("127.0.0.1:18999").unwrap();
    for s in l.incoming() {
        let mut s = s.unwrap();
        std::thread::spawn(move || {
            let body = r#"{"results":[{"index":0,"id":"00ff00ff00ff00ff00ff00ff00ff00ff","status":"accepted"}],"unread_from":null,"pending":0,"next_poll_after":60}"#;
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\ndate: Mon, 23 Nov 2026 23:39:36 GMT\r\n\r\n{body}",
                body.len()
            );
            let mut buf = vec![0; 65536];
            let mut len = 0;
            loop {
                let n = match s.read(&mut buf[len..]) {
                    Ok(0) | Err(_) => return,
                    Ok(n) => n,
                };
                len += n;
                loop {
                    let Some(p) = buf[..len].windows(4).position(|w| w == b"\r\n\r\n") else { break };
                    let head = std::str::from_utf8(&buf[..p]).unwrap();
                    let cl: usize = head.rsplit_once("Content-Length: ").unwrap().1.parse().unwrap();
                    let end = p + 4 + cl;
                    if len < end {
                        break;
                    }
                    buf.copy_within(end..len, 0);
                    len -= end;
                    s.write_all(answer.as_bytes()).unwrap();
                }
            }
        });
    }
}
