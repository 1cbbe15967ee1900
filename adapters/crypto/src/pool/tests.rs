//! Tests of the pool, with threads that are blocked by gates instead of by time.

use std::{
    pin::{Pin, pin},
    sync::mpsc,
    task::{Context, Poll, Waker},
};

use super::*;

fn pool(threads: usize, waiting: usize) -> Pool {
    Pool::new(Bounds { threads, waiting, memory: 100 }).unwrap()
}

/// Runs a job that needs nothing but a thread.
async fn run<T: Send + 'static>(pool: &Pool, work: impl FnOnce() -> T + Send + 'static) -> Result<T, HashError> {
    pool.run(&TenantId::default(), Load::default(), work).await
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A job that reports its start and lasts until its gate opens.
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
    let pool = pool(1, 2);
    let (work, entered, open) = gate();
    let mut running = pin!(run(&pool, work));
    assert!(poll(running.as_mut()).is_pending());
    entered.recv().unwrap();
    let (mut first, mut second) = (pin!(run(&pool, || 1)), pin!(run(&pool, || 2)));
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending());
    assert_eq!(pool.waiting(), 2);
    // The first poll answers although the thread is blocked.
    assert_eq!(poll(pin!(run(&pool, || 3))), Poll::Ready(Err(HashError::Overloaded)));
    open.send(()).unwrap();
    assert_eq!((running.await, first.await, second.await), (Ok(()), Ok(1), Ok(2)));
    assert_eq!(pool.waiting(), 0);
}

#[tokio::test]
async fn an_idle_thread_takes_work_even_when_none_may_wait() {
    let pool = pool(2, 0);
    let ((one, _entered, open_one), (two, _entered_too, open_two)) = (gate(), gate());
    let (mut one, mut two) = (pin!(run(&pool, one)), pin!(run(&pool, two)));
    assert!(poll(one.as_mut()).is_pending());
    assert!(poll(two.as_mut()).is_pending());
    assert_eq!(poll(pin!(run(&pool, || 3))), Poll::Ready(Err(HashError::Overloaded)));
    open_one.send(()).unwrap();
    open_two.send(()).unwrap();
    assert_eq!((one.await, two.await), (Ok(()), Ok(())));
}

#[tokio::test]
async fn a_dropped_asker_is_skipped_and_makes_room() {
    let pool = pool(1, 1);
    let (work, entered, open) = gate();
    let mut running = pin!(run(&pool, work));
    assert!(poll(running.as_mut()).is_pending());
    entered.recv().unwrap();
    let (computed, computations) = mpsc::channel();
    {
        let computed = computed.clone();
        let mut leaving = pin!(run(&pool, move || computed.send("abandoned").unwrap()));
        assert!(poll(leaving.as_mut()).is_pending());
    }
    let mut staying = pin!(run(&pool, move || computed.send("wanted").unwrap()));
    assert!(poll(staying.as_mut()).is_pending(), "the one who left must not keep others out");
    open.send(()).unwrap();
    assert_eq!((running.await, staying.await), (Ok(()), Ok(())));
    assert_eq!(computations.iter().collect::<Vec<_>>(), ["wanted"]);
}

#[tokio::test]
async fn a_dropped_asker_is_skipped_also_when_there_is_room() {
    let pool = pool(1, 9);
    let (work, entered, open) = gate();
    let mut running = pin!(run(&pool, work));
    assert!(poll(running.as_mut()).is_pending());
    entered.recv().unwrap();
    let (computed, computations) = mpsc::channel();
    {
        let mut leaving = pin!(run(&pool, move || computed.send(()).unwrap()));
        assert!(poll(leaving.as_mut()).is_pending());
    }
    open.send(()).unwrap();
    assert_eq!((running.await, run(&pool, || ()).await), (Ok(()), Ok(())));
    assert_eq!(computations.iter().count(), 0);
}

fn tenants() -> (TenantId, TenantId) {
    ("loud".parse().unwrap(), "quiet".parse().unwrap())
}

#[tokio::test]
async fn i_40_tenants_take_turns() {
    let (pool, (loud, quiet)) = (pool(1, 9), tenants());
    let (work, entered, open) = gate();
    let mut running = pin!(pool.run(&loud, Load::default(), work));
    assert!(poll(running.as_mut()).is_pending());
    entered.recv().unwrap();
    let (done, order) = mpsc::channel();
    let ask = |tenant, name: &'static str| {
        let done = done.clone();
        Box::pin(pool.run(tenant, Load::default(), move || done.send(name).unwrap()))
    };
    let mut asked: Vec<_> = ["loud 1", "loud 2", "loud 3"].map(|name| ask(&loud, name)).into();
    asked.extend(["quiet 1", "quiet 2"].map(|name| ask(&quiet, name)));
    for one in &mut asked {
        assert!(poll(one.as_mut()).is_pending());
    }
    open.send(()).unwrap();
    for one in asked {
        one.await.unwrap();
    }
    assert_eq!(order.try_iter().collect::<Vec<_>>(), ["loud 1", "quiet 1", "loud 2", "quiet 2", "loud 3"]);
}

#[tokio::test]
async fn i_40_a_tenant_cannot_fill_the_queue_for_the_others() {
    let (pool, (loud, quiet)) = (pool(1, 2), tenants());
    let (work, entered, open) = gate();
    let mut running = pin!(pool.run(&loud, Load::default(), work));
    assert!(poll(running.as_mut()).is_pending());
    entered.recv().unwrap();
    let ask = |tenant| Box::pin(pool.run(tenant, Load::default(), || ()));
    let (mut first, mut second, mut third) = (ask(&loud), ask(&loud), ask(&loud));
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending());
    assert_eq!(poll(third.as_mut()), Poll::Ready(Err(HashError::Overloaded)));
    let (mut welcome, mut too_much) = (ask(&quiet), ask(&quiet));
    assert!(poll(welcome.as_mut()).is_pending(), "the newest of the loud one makes room");
    assert_eq!(poll(second.as_mut()), Poll::Ready(Err(HashError::Overloaded)));
    assert_eq!(poll(too_much.as_mut()), Poll::Ready(Err(HashError::Overloaded)), "each has as much as the other");
    assert_eq!(pool.waiting(), 2);
    open.send(()).unwrap();
    assert_eq!((first.await, welcome.await), (Ok(()), Ok(())));
}

#[tokio::test]
async fn i_40_no_tenant_makes_room_for_one_that_would_then_have_as_many() {
    let (pool, (loud, quiet)) = (pool(1, 3), tenants());
    let (work, entered, open) = gate();
    let mut running = pin!(pool.run(&loud, Load::default(), work));
    assert!(poll(running.as_mut()).is_pending());
    entered.recv().unwrap();
    let ask = |tenant| Box::pin(pool.run(tenant, Load::default(), || ()));
    let mut asked = [ask(&loud), ask(&loud), ask(&quiet)];
    for one in &mut asked {
        assert!(poll(one.as_mut()).is_pending());
    }
    // Otherwise the two tenants would displace each other's jobs in turn.
    assert_eq!(poll(ask(&quiet).as_mut()), Poll::Ready(Err(HashError::Overloaded)));
    open.send(()).unwrap();
    for one in asked {
        assert_eq!(one.await, Ok(()));
    }
}

#[tokio::test]
async fn i_42_jobs_begin_only_within_the_memory() {
    let (pool, (loud, quiet)) = (pool(2, 9), tenants());
    let half = Load { memory: 60, costly: false };
    let ((one, entered, open), (two, entered_too, open_too)) = (gate(), gate());
    let (mut one, mut two) = (pin!(pool.run(&loud, half, one)), pin!(pool.run(&quiet, half, two)));
    assert!(poll(one.as_mut()).is_pending());
    assert!(poll(two.as_mut()).is_pending());
    entered.recv().unwrap();
    // The other thread is idle and was woken; it must find no room.
    assert_eq!(pool.waiting(), 1);
    assert_eq!(entered_too.try_recv(), Err(mpsc::TryRecvError::Empty));
    open.send(()).unwrap();
    one.await.unwrap();
    entered_too.recv().unwrap();
    open_too.send(()).unwrap();
    two.await.unwrap();
    let more = Load { memory: 1000, costly: false };
    assert_eq!(pool.run(&loud, more, || 1).await, Ok(1), "what is more than all the memory has it alone");
}

#[tokio::test]
async fn memory_that_becomes_free_lets_all_begin_that_have_room() {
    let (pool, (loud, quiet)) = (pool(2, 9), tenants());
    let load = |memory| Load { memory, costly: false };
    let ((all, entered, open), (one, entered_one, open_one), (two, entered_two, open_two)) = (gate(), gate(), gate());
    let mut all = pin!(pool.run(&loud, load(100), all));
    let (mut one, mut two) = (pin!(pool.run(&loud, load(50), one)), pin!(pool.run(&quiet, load(50), two)));
    assert!(poll(all.as_mut()).is_pending());
    assert!(poll(one.as_mut()).is_pending());
    assert!(poll(two.as_mut()).is_pending());
    entered.recv().unwrap();
    open.send(()).unwrap();
    all.await.unwrap();
    // Both threads work, including the one that waited for memory.
    entered_one.recv().unwrap();
    entered_two.recv().unwrap();
    open_one.send(()).unwrap();
    open_two.send(()).unwrap();
    assert_eq!((one.await, two.await), (Ok(()), Ok(())));
}

#[tokio::test]
async fn i_42_one_costly_job_runs_at_a_time_and_keeps_no_other_waiting() {
    let (pool, (loud, quiet)) = (pool(3, 9), tenants());
    let costly = Load { memory: 1000, costly: true };
    let ((one, entered, open), (two, entered_too, open_too)) = (gate(), gate());
    let (mut one, mut two) = (pin!(pool.run(&loud, costly, one)), pin!(pool.run(&loud, costly, two)));
    assert!(poll(one.as_mut()).is_pending());
    assert!(poll(two.as_mut()).is_pending());
    entered.recv().unwrap();
    let small = Load { memory: 60, costly: false };
    assert_eq!(pool.run(&quiet, small, || 1).await, Ok(1), "there are threads and memory for the others");
    assert_eq!((pool.waiting(), entered_too.try_recv()), (1, Err(mpsc::TryRecvError::Empty)));
    open.send(()).unwrap();
    one.await.unwrap();
    entered_too.recv().unwrap();
    open_too.send(()).unwrap();
    two.await.unwrap();
}

#[tokio::test]
async fn a_panic_neither_kills_the_pool_nor_hangs_the_asker() {
    let pool = pool(1, 1);
    for _ in 0..3 {
        let outcome = run(&pool, || panic!("on purpose")).await;
        assert!(matches!(outcome, Err::<(), _>(HashError::Fault(_))));
    }
    assert_eq!(run(&pool, || 7).await, Ok(7));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn i_40_the_hashing_threads_alone_run_at_lower_priority() {
    let nice = || rustix::process::getpriority_process(None).unwrap();
    let before = nice();
    let pool = pool(1, 1);
    assert_eq!(run(&pool, nice).await, Ok((before + 10).min(19)));
    assert_eq!(nice(), before);
    let name = run(&pool, || thread::current().name().map(String::from)).await;
    assert_eq!(name, Ok(Some("kayan-hash-0".into())));
}

#[tokio::test]
async fn dropping_the_pool_ends_its_threads() {
    /// Disconnects when its thread ends.
    struct Alive(#[expect(dead_code, reason = "held until the thread ends")] mpsc::Sender<()>);
    thread_local! {
        static ALIVE: std::cell::RefCell<Option<Alive>> = const { std::cell::RefCell::new(None) };
    }
    let pool = pool(4, 1);
    let (alive, ended) = mpsc::channel();
    // Each thread has worked; when the pool is dropped, most of them wait for more.
    let (gates, mut asked): (Vec<_>, Vec<_>) = (0..4)
        .map(|_| {
            let ((work, entered, open), alive) = (gate(), alive.clone());
            let begin = move || {
                ALIVE.set(Some(Alive(alive)));
                work();
            };
            ((entered, open), Box::pin(run(&pool, begin)))
        })
        .unzip();
    for one in &mut asked {
        assert!(poll(one.as_mut()).is_pending());
    }
    for (entered, _) in &gates {
        entered.recv().unwrap();
    }
    for ((_, open), one) in gates.iter().zip(asked) {
        open.send(()).unwrap();
        one.await.unwrap();
    }
    drop(alive);
    assert_eq!(ended.try_recv(), Err(mpsc::TryRecvError::Empty));
    drop(pool);
    assert_eq!(ended.recv(), Err(mpsc::RecvError));
}
