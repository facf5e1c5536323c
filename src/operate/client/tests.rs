//! The client against sockets that answer, refuse, say nothing or talk nonsense.

use std::os::unix::net::UnixListener;
use std::thread;

use super::super::admin::tests::ONE;
use super::super::admin::{Received, receive};
use super::super::answer::handle;
use super::*;

fn socket_path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("pns-client-{}-{name}.sock", std::process::id()))
}

/// Accepts one connection, and answers what it reads with `answer`; `None`: never.
fn serve(name: &str, answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> PathBuf {
    let path = socket_path(name);
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        stream.read_to_end(&mut request).unwrap();
        match answer(&request) {
            Some(bytes) => stream.write_all(&bytes).unwrap(),
            None => thread::sleep(Duration::from_secs(2)),
        }
    });
    path
}

#[test]
fn a_question_gets_its_answer() {
    let path = serve("answer", |bytes| {
        let Received::Line {
            request: Ok(request),
            ..
        } = receive(bytes)
        else {
            return None;
        };
        Some(handle(&request, &mut { ONE }).to_line())
    });
    let response = ask(&path, &Request::Sessions {}).unwrap();
    assert_eq!(response, handle(&Request::Sessions {}, &mut { ONE }));
    std::fs::remove_file(path).unwrap();
}

#[test]
fn no_server_says_what_to_do() {
    let path = socket_path("nobody");
    let error = ask(&path, &Request::Sessions {}).unwrap_err().to_string();
    assert!(
        error.starts_with("no server at ") && error.contains("--socket PATH"),
        "{error}"
    );
    drop(UnixListener::bind(&path).unwrap());
    let refused = ask(&path, &Request::Sessions {}).unwrap_err();
    assert!(
        matches!(refused, ClientError::NoServer { .. }),
        "{refused:?}"
    );
    std::fs::remove_file(path).unwrap();
}

#[test]
fn silence_and_nonsense_are_told_apart() {
    let path = serve("silence", |_| None);
    let error = ask_within(&path, &Request::Ports {}, Duration::from_millis(50)).unwrap_err();
    assert!(matches!(error, ClientError::TimedOut), "{error:?}");
    std::fs::remove_file(path).unwrap();
    for nonsense in [&b""[..], b"{}", b"{\"sessions\":7}\n", b"\xff"] {
        let path = serve("nonsense", move |_| Some(nonsense.to_vec()));
        let error = ask(&path, &Request::Ports {}).unwrap_err();
        assert!(matches!(error, ClientError::NotUnderstood(_)), "{error:?}");
        std::fs::remove_file(path).unwrap();
    }
}
