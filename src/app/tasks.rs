//! The tasks that run as long as the program.

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Running tasks. One that ends early ends the program, so that whoever watches it starts it again: a chat that looks
/// alive and delivers nothing is worse.
pub(super) struct Tasks {
    running: JoinSet<()>,
    /// Ends the tasks.
    stop: CancellationToken,
    /// Ends the program.
    shutdown: CancellationToken,
}

impl Tasks {
    pub(super) fn new(shutdown: CancellationToken) -> Self {
        Self {
            running: JoinSet::new(),
            stop: CancellationToken::new(),
            shutdown,
        }
    }

    pub(super) fn start(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let watch = Watch {
            name,
            stop: self.stop.clone(),
            shutdown: self.shutdown.clone(),
        };
        self.running.spawn(async move {
            tokio::select! {
                () = task => {}
                () = watch.stop.cancelled() => {}
            }
        });
    }

    pub(super) async fn end(mut self) {
        self.stop.cancel();
        while self.running.join_next().await.is_some() {}
    }
}

/// Dropped by a task that ends before it was told to, also by a panic, it ends the program.
pub(super) struct Watch {
    pub(super) name: &'static str,
    pub(super) stop: CancellationToken,
    pub(super) shutdown: CancellationToken,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.stop.is_cancelled() {
            tracing::error!(task = self.name, "a task ended early; the program ends with it");
            self.shutdown.cancel();
        }
    }
}
