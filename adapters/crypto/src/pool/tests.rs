//! What the pool promises, with threads held up by gates instead of by time.

use std::{
    pin::{Pin, pin},
    sync::mpsc,
    task::{Context, Poll, Waker},
};

use super::*;

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Work that says when it begins and lasts until told to open.
fn gate() -> (impl FnOnce() + Send + 'static, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (entering, entered) = mpsc::channel();
    let (open, opened) = mpsc::channel();
    let work = move || {
        entering.send(()).unwrap();
        opened.recv().unwrap();
    };
    (work, entered, open)
}

#[tokio::test]
async fn i_40_beyond_the_queue_the_answer_is_overloaded_at_once() {
    let pool = Pool::new(1, 2).unwrap();
    let (work, entered, open) = gate();
    let mut running = pin!(pool.run(work));
    assert!(poll(running.as_mut()).is_pending());
    entered.recv().unwrap();
    let (mut first, mut second) = (pin!(pool.run(|| 1)), pin!(pool.run(|| 2)));
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending());
    assert_eq!(pool.waiting(), 2);
    // The first poll answers although the thread is blocked.
    assert_eq!(poll(pin!(pool.run(|| 3))), Poll::Ready(Err(HashError::Overloaded)));
    open.send(()).unwrap();
    assert_eq!((running.await, first.await, second.await), (Ok(()), Ok(1), Ok(2)));
    assert_eq!(pool.waiting(), 0);
}

#[tokio::test]
async fn an_idle_thread_takes_work_even_when_none_may_wait() {
    let pool = Pool::new(2, 0).unwrap();
    let ((one, _entered, open_one), (two, _entered_too, open_two)) = (gate(), gate());
    let (mut one, mut two) = (pin!(pool.run(one)), pin!(pool.run(two)));
    assert!(poll(one.as_mut()).is_pending());
    assert!(poll(two.as_mut()).is_pending());
    assert_eq!(poll(pin!(pool.run(|| 3))), Poll::Ready(Err(HashError::Overloaded)));
    open_one.send(()).unwrap();
    open_two.send(()).unwrap();
    assert_eq!((one.await, two.await), (Ok(()), Ok(())));
}

#[tokio::test]
async fn a_dropped_asker_is_skipped_and_makes_room() {
    let pool = Pool::new(1, 1).unwrap();
    let (work, entered, open) = gate();
    let mut running = pin!(pool.run(work));
    assert!(poll(running.as_mut()).is_pending());
    entered.recv().unwrap();
    let (computed, computations) = mpsc::channel();
    {
        let computed = computed.clone();
        let mut leaving = pin!(pool.run(move || computed.send("abandoned").unwrap()));
        assert!(poll(leaving.as_mut()).is_pending());
    }
    let mut staying = pin!(pool.run(move || computed.send("wanted").unwrap()));
    assert!(poll(staying.as_mut()).is_pending(), "the one who left must not keep others out");
    open.send(()).unwrap();
    assert_eq!((running.await, staying.await), (Ok(()), Ok(())));
    assert_eq!(computations.iter().collect::<Vec<_>>(), ["wanted"]);
}

#[tokio::test]
async fn a_dropped_asker_is_skipped_also_when_there_is_room() {
    let pool = Pool::new(1, 9).unwrap();
    let (work, entered, open) = gate();
    let mut running = pin!(pool.run(work));
    assert!(poll(running.as_mut()).is_pending());
    entered.recv().unwrap();
    let (computed, computations) = mpsc::channel();
    {
        let mut leaving = pin!(pool.run(move || computed.send(()).unwrap()));
        assert!(poll(leaving.as_mut()).is_pending());
    }
    open.send(()).unwrap();
    assert_eq!((running.await, pool.run(|| ()).await), (Ok(()), Ok(())));
    assert_eq!(computations.iter().count(), 0);
}

#[tokio::test]
async fn a_panic_neither_kills_the_pool_nor_hangs_the_asker() {
    let pool = Pool::new(1, 1).unwrap();
    for _ in 0..3 {
        let outcome = pool.run(|| panic!("on purpose")).await;
        assert!(matches!(outcome, Err::<(), _>(HashError::Fault(_))));
    }
    assert_eq!(pool.run(|| 7).await, Ok(7));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn i_40_the_hashing_threads_alone_run_at_lower_priority() {
    let nice = || rustix::process::getpriority_process(None).unwrap();
    let before = nice();
    let pool = Pool::new(1, 1).unwrap();
    assert_eq!(pool.run(nice).await, Ok((before + 10).min(19)));
    assert_eq!(nice(), before);
    let name = pool.run(|| thread::current().name().map(String::from)).await;
    assert_eq!(name, Ok(Some("kayan-hash-0".into())));
}

#[tokio::test]
async fn dropping_the_pool_ends_its_threads() {
    /// Hangs up when the thread that it lives on ends.
    struct Alive(#[expect(dead_code, reason = "held until the thread ends")] mpsc::Sender<()>);
    thread_local! {
        static ALIVE: std::cell::RefCell<Option<Alive>> = const { std::cell::RefCell::new(None) };
    }
    let pool = Pool::new(1, 1).unwrap();
    let (alive, ended) = mpsc::channel();
    pool.run(|| ALIVE.set(Some(Alive(alive)))).await.unwrap();
    assert_eq!(ended.try_recv(), Err(mpsc::TryRecvError::Empty));
    drop(pool);
    assert_eq!(ended.recv(), Err(mpsc::RecvError));
}
