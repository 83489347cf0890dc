//! What depends on time and on a peer that does not read, on virtual time: there is no socket here.

use futures_util::StreamExt;
use psk_codec::ildcp::{CONDITION, FULFILLMENT};
use psk_codec::{Amount, Fulfill, Timestamp};
use tokio::io::DuplexStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::*;
use crate::{Clock, PrepareHandler, handler_fn};

type Peer = WebSocketStream<DuplexStream>;

fn limits() -> Limits {
    let start = Timestamp::from_unix_millis(1_700_000_000_000).unwrap();
    Limits { clock: Clock::starting_at(start), ..Limits::default() }
}

/// A session that runs, and the peer's end of its connection, which holds some kilobytes on the way.
async fn session(
    limits: Limits,
    handler: Option<Arc<dyn PrepareHandler>>,
) -> (Arc<Session>, tokio::task::JoinHandle<()>, Peer) {
    let (ours, theirs) = tokio::io::duplex(8_192);
    let websocket = Some(limits.websocket());
    let ours = WebSocketStream::from_raw_socket(ours, Role::Client, websocket).await;
    let theirs = WebSocketStream::from_raw_socket(theirs, Role::Server, websocket).await;
    let slot = Arc::new(HandlerSlot::default());
    slot.set(handler);
    let (session, runner) = Session::new(limits, slot, RequestId::new(0));
    let task = tokio::spawn(runner.run(ours));
    (session, task, theirs)
}

fn prepare(session: &Session, life: Duration, data: Vec<u8>) -> Prepare {
    Prepare {
        amount: Amount::new(1),
        expires_at: session.limits.clock.now().saturating_add(life),
        condition: CONDITION,
        destination: "test.x".parse().unwrap(),
        data: data.into(),
    }
}

async fn next_packet(peer: &mut Peer) -> Packet {
    loop {
        if let Message::Binary(octets) = peer.next().await.unwrap().unwrap() {
            return Packet::decode(octets).unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_waited_for_until_expiry_and_grace() {
    let mut limits = limits();
    limits.keep_alive = Duration::from_secs(1_000);
    let (session, _task, _peer) = session(limits, None).await;
    for (life, limit) in [(10, 15), (0, 5), (30, 35), (100_000, 35)] {
        let start = Instant::now();
        let prepare = prepare(&session, Duration::from_secs(life), Vec::new());
        let error = session.send(&prepare).await.unwrap_err();
        assert!(matches!(error, SendError::Unknown(_)), "{error}");
        assert_eq!(start.elapsed().as_secs(), limit, "{life}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_pings_is_kept_and_one_that_is_silent_is_lost() {
    let (session, task, mut peer) = session(limits(), None).await;
    let start = Instant::now();
    for minute in 0..10 {
        let message = peer.next().await.unwrap().unwrap();
        assert!(message.is_ping(), "{message:?}");
        // Writes the answer, as reading on would.
        peer.flush().await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 30 * (minute + 1));
    }
    task.await.unwrap();
    assert!(!session.is_open());
    assert_eq!(start.elapsed().as_secs(), 300 + 60, "the last sign of life was after 300 s");
}

#[tokio::test(start_paused = true)]
async fn packets_for_a_peer_that_does_not_read_are_not_sent_once_the_queue_is_full() {
    let mut limits = limits();
    limits.write_queue = 4;
    limits.keep_alive = Duration::from_secs(1_000);
    let (session, _task, _peer) = session(limits, None).await;
    let start = Instant::now();
    let sends = (0..100).map(|_| async {
        let prepare = prepare(&session, Duration::from_secs(1), vec![0; 30_000]);
        session.send(&prepare).await.unwrap_err()
    });
    let errors = futures_util::future::join_all(sends).await;
    assert_eq!(start.elapsed().as_secs(), 6);
    let not_sent = errors.iter().filter(|error| matches!(error, SendError::NotSent(_))).count();
    // A few are in the WebSocket's buffer and in the queue.
    assert!((80..97).contains(&not_sent), "{not_sent}");
}

#[tokio::test(start_paused = true)]
async fn closing_does_not_wait_for_a_peer_that_does_not_read() {
    let (session, task, _peer) = session(limits(), None).await;
    let prepare = prepare(&session, Duration::from_secs(30), vec![0; 30_000]);
    let start = Instant::now();
    let end = async {
        time::sleep(Duration::from_secs(1)).await;
        session.close();
    };
    let (result, ()) = tokio::join!(session.send(&prepare), end);
    assert!(matches!(result.unwrap_err(), SendError::Unknown(_)));
    task.await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(1) + GOODBYE);
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_the_limit_are_rejected_at_once_and_answers_still_get_through() {
    let mut limits = limits();
    limits.concurrent_requests = 2;
    let release = Arc::new(tokio::sync::Notify::new());
    let wait = release.clone();
    let handler = handler_fn(move |prepare| {
        let wait = wait.clone();
        async move {
            wait.notified().await;
            let (fulfillment, data) = (FULFILLMENT, prepare.data);
            Reply::Fulfill(Fulfill { fulfillment, data })
        }
    });
    let (session, _task, mut peer) = session(limits, Some(handler)).await;
    let request = |id| {
        let prepare = prepare(&session, Duration::from_secs(30), Vec::new());
        encode(Packet::ilp_message(RequestId::new(id), prepare.encode().unwrap()))
    };
    for id in 1..=3 {
        peer.send(request(id)).await.unwrap();
    }
    let busy = next_packet(&mut peer).await;
    assert_eq!(busy.request_id, RequestId::new(3));
    let reply = reply_in(busy).unwrap();
    assert!(matches!(reply, Reply::Reject(reject) if reject.code == IlpCode::T03_CONNECTOR_BUSY));
    // Our own request is answered while the peer's wait.
    let ours = prepare(&session, Duration::from_secs(30), Vec::new());
    let answer = async {
        let id = next_packet(&mut peer).await.request_id;
        peer.send(encode(Packet::empty_response(id))).await.unwrap();
    };
    let (reply, ()) = tokio::join!(session.send(&ours), answer);
    reply.unwrap();
    release.notify_waiters();
    let mut ids =
        [next_packet(&mut peer).await, next_packet(&mut peer).await].map(|packet| packet.request_id.number());
    ids.sort_unstable();
    assert_eq!(ids, [1, 2]);
    peer.send(request(4)).await.unwrap();
    release.notify_one();
    assert_eq!(next_packet(&mut peer).await.request_id, RequestId::new(4));
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_task_is_dropped_fails_what_is_in_flight() {
    let (session, task, _peer) = session(limits(), None).await;
    let prepare = prepare(&session, Duration::from_secs(30), Vec::new());
    let abort = async {
        tokio::task::yield_now().await;
        task.abort();
    };
    let start = Instant::now();
    let (result, ()) = tokio::join!(session.send(&prepare), abort);
    assert!(matches!(result.unwrap_err(), SendError::Unknown(_)));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn requests_that_have_come_in_are_answered_before_the_connection_is_closed() {
    let handler = handler_fn(|prepare| async move {
        time::sleep(Duration::from_millis(400)).await;
        Reply::Fulfill(Fulfill { fulfillment: FULFILLMENT, data: prepare.data })
    });
    let (session, task, mut peer) = session(limits(), Some(handler)).await;
    let prepare = prepare(&session, Duration::from_secs(30), Vec::new());
    let request = Packet::ilp_message(RequestId::new(7), prepare.encode().unwrap());
    peer.send(encode(request)).await.unwrap();
    time::sleep(Duration::from_millis(1)).await;
    session.close();
    let answer = next_packet(&mut peer).await;
    assert!(matches!(reply_in(answer), Ok(Reply::Fulfill(_))));
    assert!(peer.next().await.unwrap().unwrap().is_close());
    task.await.unwrap();
    session.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_answer_does_not_keep_a_connection_from_being_closed() {
    let handler = handler_fn(|_| std::future::pending());
    let (session, task, mut peer) = session(limits(), Some(handler)).await;
    let prepare = prepare(&session, Duration::from_secs(30), Vec::new());
    let request = Packet::ilp_message(RequestId::new(7), prepare.encode().unwrap());
    peer.send(encode(request)).await.unwrap();
    time::sleep(Duration::from_millis(1)).await;
    let start = Instant::now();
    session.close();
    assert!(peer.next().await.unwrap().unwrap().is_close());
    task.await.unwrap();
    assert_eq!(start.elapsed(), LAST_ANSWERS);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_closes_is_answered_and_what_is_in_flight_fails_at_once() {
    let (session, task, mut peer) = session(limits(), None).await;
    let prepare = prepare(&session, Duration::from_secs(30), Vec::new());
    let start = Instant::now();
    let close = async {
        next_packet(&mut peer).await;
        peer.close(None).await.unwrap();
        assert!(peer.next().await.unwrap().unwrap().is_close());
    };
    let (result, ()) = tokio::join!(session.send(&prepare), close);
    assert!(matches!(result.unwrap_err(), SendError::Unknown(_)));
    task.await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

/// A handler that answers with 4 kB, at once.
fn long_answers() -> Arc<dyn PrepareHandler> {
    let data = Bytes::from(vec![0; 4_096]);
    handler_fn(move |_| {
        let data = data.clone();
        async move { Reply::Fulfill(Fulfill { fulfillment: FULFILLMENT, data }) }
    })
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_and_does_not_read_is_read_no_further_and_every_request_is_answered() {
    let mut limits = limits();
    (limits.concurrent_requests, limits.write_queue) = (100, 100);
    let (session, _task, peer) = session(limits, Some(long_answers())).await;
    let octets = prepare(&session, Duration::from_secs(30), Vec::new()).encode().unwrap();
    let (mut sink, mut stream) = peer.split();
    let mut sent = 0;
    let mut flood = Box::pin(async {
        for id in 0..3_000 {
            sink.send(encode(Packet::ilp_message(RequestId::new(id), octets.clone()))).await.unwrap();
            sent += 1;
        }
    });
    // Nothing more moves: what was taken is what there is room for, and some that lie on the way.
    time::timeout(Duration::from_secs(1), &mut flood).await.unwrap_err();
    let mut answered = std::collections::BTreeSet::new();
    let read = async {
        while answered.len() < 3_000 {
            if let Message::Binary(octets) = stream.next().await.unwrap().unwrap() {
                assert!(answered.insert(Packet::decode(octets).unwrap().request_id.number()), "twice");
            }
        }
    };
    let start = Instant::now();
    tokio::join!(flood, read);
    assert_eq!((sent, answered.len()), (3_000, 3_000));
    assert_eq!(start.elapsed(), Duration::ZERO, "nothing waited for a time");
}

#[tokio::test(start_paused = true)]
async fn a_connection_to_a_peer_that_sends_and_never_reads_ends() {
    let mut limits = limits();
    (limits.concurrent_requests, limits.write_queue) = (10, 10);
    let (session, task, peer) = session(limits, Some(long_answers())).await;
    let octets = prepare(&session, Duration::from_secs(30), Vec::new()).encode().unwrap();
    let (mut sink, _stream) = peer.split();
    let start = Instant::now();
    for id in 0.. {
        let message = encode(Packet::ilp_message(RequestId::new(id), octets.clone()));
        if sink.send(message).await.is_err() {
            break;
        }
    }
    task.await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(60), "twice the time between pings");
}

/// Two sessions joined by some kilobytes.
async fn two_sessions(limits: [Limits; 2]) -> [Arc<Session>; 2] {
    let (left, right) = tokio::io::duplex(8_192);
    let [left_limits, right_limits] = limits;
    let start = async |stream, role, limits: Limits| {
        let socket = WebSocketStream::from_raw_socket(stream, role, Some(limits.websocket())).await;
        let slot = Arc::new(HandlerSlot::default());
        slot.set(Some(long_answers()));
        let (session, runner) = Session::new(limits, slot, RequestId::new(0));
        tokio::spawn(runner.run(socket));
        session
    };
    [start(left, Role::Client, left_limits).await, start(right, Role::Server, right_limits).await]
}

#[tokio::test(start_paused = true)]
async fn two_peers_that_both_send_more_than_there_is_room_for_never_wait_for_each_other() {
    for (left, right) in [((50, 4), (50, 4)), ((2_000, 1), (3, 1)), ((1, 1), (1, 1))] {
        let with =
            |(concurrent_requests, write_queue)| Limits { concurrent_requests, write_queue, ..limits() };
        let equal = left == right;
        let sessions = two_sessions([with(left), with(right)]).await;
        let start = Instant::now();
        let sends = sessions.iter().flat_map(|session| {
            (0..2_000).map(move |_| async move {
                let prepare = prepare(session, Duration::from_secs(10), vec![0; 1_024]);
                session.send(&prepare).await.unwrap()
            })
        });
        for reply in futures_util::future::join_all(sends).await {
            // One that takes less at once than the other sends rejects the rest.
            assert!(!equal || matches!(reply, Reply::Fulfill(_)));
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
