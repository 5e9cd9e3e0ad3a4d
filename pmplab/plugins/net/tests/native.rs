//! The network of the tests does what the one of the components does.

use pmplab_net::{Native, Net, Read};
use std::net::SocketAddr;
use std::time::Duration;

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Tries until something is there.
fn until<T>(mut ready: impl FnMut() -> Option<T>) -> T {
    for _ in 0..2000 {
        if let Some(found) = ready() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("nothing came in two seconds")
}

#[test]
fn a_connection_comes_in_is_read_and_ends_on_one_side_first() {
    let mut net = Native::default();
    let mut listener = net.listen(loopback()).unwrap();
    assert!(net.accept(&mut listener).unwrap().is_none());
    let at = net.listening(&listener).unwrap();
    let mut ours = net.connect(at).unwrap();
    assert!(net.connected(&mut ours).unwrap());
    let mut theirs = until(|| net.accept(&mut listener).unwrap());
    assert_eq!(net.local(&ours).unwrap(), net.peer(&theirs).unwrap());

    assert!(matches!(net.read(&mut theirs, 10).unwrap(), Read::Nothing));
    assert_eq!(net.write(&mut ours, b"hello").unwrap(), 5);
    let came = until(|| match net.read(&mut theirs, 3).unwrap() {
        Read::Data(data) => Some(data),
        _ => None,
    });
    assert_eq!(came, b"hel");
    assert!(net.finish(&mut ours).unwrap());
    let rest = until(|| match net.read(&mut theirs, 10).unwrap() {
        Read::Data(data) => Some(data),
        _ => None,
    });
    assert_eq!(rest, b"lo");
    until(|| matches!(net.read(&mut theirs, 10).unwrap(), Read::Closed).then_some(()));
    assert_eq!(net.write(&mut theirs, b"still").unwrap(), 5);
    let answer = until(|| match net.read(&mut ours, 10).unwrap() {
        Read::Data(data) => Some(data),
        _ => None,
    });
    assert_eq!(answer, b"still");
}

#[test]
fn datagrams_come_whole_with_their_senders() {
    let mut net = Native::default();
    let (mut a, mut b) = (net.bind(loopback()).unwrap(), net.bind(loopback()).unwrap());
    let (from, to) = (net.bound(&a).unwrap(), net.bound(&b).unwrap());
    for text in ["one", "two", "three"] {
        assert!(net.send_to(&mut a, text.as_bytes(), to).unwrap());
    }
    let mut came = Vec::new();
    net.receive(&mut b, 2, &mut came).unwrap();
    assert_eq!(came.len(), 2, "no more than asked for");
    net.receive(&mut b, 2, &mut came).unwrap();
    let all: Vec<_> = came
        .iter()
        .map(|(data, from)| (data.as_slice(), *from))
        .collect();
    assert_eq!(
        all,
        [
            (&b"one"[..], from),
            (&b"two"[..], from),
            (&b"three"[..], from)
        ]
    );
}

#[test]
fn an_address_that_is_taken_is_said_to_be() {
    let mut net = Native::default();
    let first = net.listen(loopback()).unwrap();
    let at = net.listening(&first).unwrap();
    let why = net.listen(at).err().unwrap();
    assert_eq!(why.kind, "runtime.sockets");
    assert!(why.message.contains(&at.to_string()));
}
