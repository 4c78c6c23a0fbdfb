//! The thread that the tasks of stores run on: one for each core that has stores, started with the first of them and
//! gone after the last.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// How long tasks may take to give back what they hold when everything ends.
const FAREWELL: Duration = Duration::from_secs(1);

pub(super) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Starts the thread when it is needed.
#[derive(Default)]
pub struct Runtime(Mutex<Weak<Running>>);

/// The thread; it ends when nobody holds this any more and its tasks are done.
pub(super) struct Running {
    tasks: UnboundedSender<Task>,
}

impl Runtime {
    pub(super) fn running(&self) -> io::Result<Arc<Running>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = known.upgrade() {
            return Ok(running);
        }
        let running = Arc::new(start()?);
        *known = Arc::downgrade(&running);
        Ok(running)
    }
}

impl Running {
    /// One for each store of a plan, so there are few.
    pub fn spawn(&self, task: Task) {
        // Its thread lives as long as this.
        let _ = self.tasks.send(task);
    }
}

fn start() -> io::Result<Running> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build()?;
    let (tasks, mut wanted) = unbounded_channel::<Task>();
    std::thread::Builder::new().name("ferrogate-remote".into()).spawn(move || {
        runtime.block_on(async move {
            let mut running = JoinSet::new();
            while let Some(task) = wanted.recv().await {
                running.spawn(task);
                while running.try_join_next().is_some() {}
            }
            let all = async { while running.join_next().await.is_some() {} };
            // Whoever does not come to an end in time has nothing left to give back to.
            let _ = tokio::time::timeout(FAREWELL, all).await;
        });
        // Name look-ups cannot be broken off.
        runtime.shutdown_background();
    })?;
    Ok(Running { tasks })
}
