//! A real HTTP service that one core is enough to saturate: each request is a fixed amount of hashing on its only worker.
//! With fusebox, a load shedder stands before the worker's queue. All that an ordinary service needs of it is in `work`.

use std::hash::{DefaultHasher, Hasher};
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use fusebox::pressure::{Adaptation, Adaptive, Capacity, LoadShedder, OwnedPermit, Priority};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::guard::TO_BEGIN_WITH;
use crate::world::PATIENCE;

pub const PRIORITY: &str = "x-priority";
/// What a request costs, as this machine was found to be at the beginning.
pub const WORK: Duration = Duration::from_millis(4);
const ROUNDS_AT_ONCE: u64 = 1000;

pub type Shedder = LoadShedder<Adaptive>;

/// It runs until it is dropped.
pub struct Service {
    pub address: SocketAddr,
    shedder: Option<Arc<Shedder>>,
    closed: Arc<AtomicBool>,
    runtime: Option<Runtime>,
}

/// One request on its way to the worker.
struct Job {
    came: Instant,
    permit: Option<OwnedPermit<Adaptive>>,
    answer: oneshot::Sender<()>,
}

#[derive(Clone)]
struct Door {
    shedder: Option<Arc<Shedder>>,
    worker: Sender<Job>,
}

async fn work(State(door): State<Door>, headers: HeaderMap) -> StatusCode {
    let told = headers.get(PRIORITY).and_then(|value| value.to_str().ok());
    let priority: Priority = told.and_then(|name| name.parse().ok()).unwrap_or_default();
    let permit = match &door.shedder {
        None => None,
        Some(shedder) => match shedder.admit_owned(priority) {
            Ok(permit) => Some(permit),
            Err(_) => return StatusCode::SERVICE_UNAVAILABLE,
        },
    };
    let (answer, answered) = oneshot::channel();
    let job = Job { came: Instant::now(), permit, answer };
    if door.worker.send(job).is_err() || answered.await.is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    StatusCode::OK
}

/// Serves what comes, in the order of coming, whether anybody still waits for it or not.
fn serve(jobs: &Receiver<Job>, rounds: u64, closed: &AtomicBool) {
    for Job { came, permit, answer } in jobs {
        if closed.load(Ordering::Relaxed) {
            return;
        }
        hash(rounds);
        if let Some(permit) = permit {
            if came.elapsed() < PATIENCE { permit.success() } else { permit.overload() }
        }
        // Whoever asked may be gone.
        let _ = answer.send(());
    }
}

fn hash(rounds: u64) {
    let mut hasher = DefaultHasher::new();
    for round in 0..rounds {
        hasher.write_u64(black_box(round));
    }
    black_box(hasher.finish());
}

/// How many rounds of hashing are the work of one request.
pub fn rounds() -> u64 {
    let began = Instant::now();
    let mut rounds = 0;
    while began.elapsed() < WORK * 100 {
        hash(ROUNDS_AT_ONCE);
        rounds += ROUNDS_AT_ONCE;
    }
    rounds / 100
}

impl Service {
    pub fn start(rounds: u64, guarded: bool) -> anyhow::Result<Self> {
        let shedder = if guarded {
            let adaptation = Adaptation::of(Capacity::of(TO_BEGIN_WITH).build()?).build()?;
            Some(Arc::new(LoadShedder::adaptive(adaptation)))
        } else {
            None
        };
        let closed = Arc::new(AtomicBool::new(false));
        let (worker, jobs) = mpsc::channel();
        let closing = Arc::clone(&closed);
        std::thread::spawn(move || serve(&jobs, rounds, &closing));

        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener =
            runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).context("starting the service")?;
        let address = listener.local_addr()?;
        let door = Door { shedder: shedder.clone(), worker };
        let routes = Router::new().route("/work", get(work)).with_state(door);
        runtime.spawn(async { axum::serve(listener, routes).await });
        Ok(Self { address, shedder, closed, runtime: Some(runtime) })
    }

    pub fn limit(&self) -> Option<u32> {
        self.shedder.as_ref().map(|shedder| shedder.look().capacity)
    }
}

impl Drop for Service {
    /// What still waits in the queue is not served.
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
