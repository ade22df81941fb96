//! Everything that reaches a running gateway from outside its listeners: signals, and the control socket that `tollgate reload`,
//! `keys`, `quota` and `denials` talk to. One thread of its own, started before the config is read, so that no signal is ever fatal by accident.

use super::hangup;
use super::keys::Keys;
use super::quota::desk;
use super::quota::question::QuotaQuestion;
use super::records::desk::{self as records, RecordsQuestion};
use super::reload::{Reloader, Verdict, keep_reloading};
use super::socket::{Socket, accept};
use limits::clock::now;
use proxy::Stop;
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, BufWriter};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc, oneshot};
use tracing::{info, warn};

/// For one question on the control socket, a slow reload included.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of one question: names of policies and consumers are up to 256 characters long, each up to 6 bytes as JSON has it.
const QUESTION_BYTES_MAX: u64 = 8 * 1024;

/// A question on the control socket: one JSON object on a line, answered by one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Question {
    Reload,
    Quota(QuotaQuestion),
    /// Every provider's keys: answered by [`super::keys::Keys`].
    Keys,
    /// What was refused or failed lately.
    Records(RecordsQuestion),
}

/// The control thread, listening for signals.
pub(crate) struct Control {
    begin: Option<oneshot::Sender<Begin>>,
    stop: Option<mpsc::Receiver<Stop>>,
}

/// What the thread needs to do more than stop.
struct Begin {
    reloader: Arc<Reloader>,
    socket: Arc<Socket>,
    /// Rings for a reload. One that is asked for before the last has begun is the same.
    reload: Arc<Notify>,
}

struct Signals {
    hangup: Signal,
    rotate: Signal,
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            rotate: signal(SignalKind::user_defined1())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }
}

impl Control {
    /// Comes back when the signals are taken over.
    pub(crate) fn start() -> io::Result<Self> {
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (begin, when_begun) = oneshot::channel();
        let (stop, stopped) = mpsc::channel(1);
        std::thread::Builder::new().name("control".into()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Err(error) => drop(ready.send(Err(error))),
                Ok(runtime) => runtime.block_on(async {
                    match Signals::new() {
                        Err(error) => drop(ready.send(Err(error))),
                        Ok(signals) => {
                            hangup::release();
                            let _ = ready.send(Ok(()));
                            serve(signals, when_begun, stop).await;
                        }
                    }
                }),
            }
        })?;
        is_ready.recv().map_err(io::Error::other)??;
        Ok(Self { begin: Some(begin), stop: Some(stopped) })
    }

    /// From here on reloads are carried out; those that were asked for before are, too.
    pub(crate) fn begin(&mut self, reloader: Reloader, socket: Arc<Socket>) {
        if let Some(begin) = self.begin.take() {
            let _ = begin.send(Begin { reloader: Arc::new(reloader), socket, reload: Arc::default() });
        }
    }

    /// How the process is asked to stop.
    pub(crate) fn stop(&mut self) -> Option<mpsc::Receiver<Stop>> {
        self.stop.take()
    }
}

async fn serve(mut signals: Signals, begun: oneshot::Receiver<Begin>, stop: mpsc::Sender<Stop>) {
    let Some(Begin { reloader, socket, reload }) = wait_for_begin(&mut signals, begun).await else { return };
    let mut stop = Stopper { sender: stop, asked: Asked::Never };
    // Not here: a file may let its reader wait for ever, and a signal must not.
    tokio::spawn(keep_reloading(Arc::clone(&reloader), Arc::clone(&reload)));
    let listener = socket.listen();
    loop {
        tokio::select! {
            Some(()) = signals.hangup.recv() => reload.notify_one(),
            Some(()) = signals.rotate.recv() => {
                reloader.reopen_logs();
                info!("log files reopened");
            }
            Some(()) = signals.terminate.recv() => drop(stop.ask(Stop::Drain)),
            Some(()) = signals.quit.recv() => drop(stop.ask(Stop::Drain)),
            Some(()) = signals.interrupt.recv() => {
                if stop.ask(Stop::Now) == Asked::Before {
                    end(&reloader, &socket);
                }
            }
            stream = accept(listener.as_ref()) => {
                let reloader = Arc::clone(&reloader);
                tokio::spawn(async move {
                    match converse(stream, &reloader).await {
                        Ok(()) => {}
                        // Asked without waiting for the verdict, or gone in the middle of a long answer.
                        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                        Err(error) => warn!(%error, "control socket"),
                    }
                });
            }
        }
    }
}

/// Until the gateway serves, a reload only means that the newest file is read anyway.
/// There is nothing to drain yet either, and a config that cannot be read to its end must not keep the process alive.
async fn wait_for_begin(signals: &mut Signals, mut begun: oneshot::Receiver<Begin>) -> Option<Begin> {
    let mut reload_asked = false;
    loop {
        tokio::select! {
            given = &mut begun => {
                let given = given.ok()?;
                if reload_asked {
                    given.reload.notify_one();
                }
                return Some(given);
            }
            Some(()) = signals.hangup.recv() => reload_asked = true,
            Some(()) = signals.rotate.recv() => {}
            Some(()) = signals.terminate.recv() => std::process::exit(0),
            Some(()) = signals.quit.recv() => std::process::exit(0),
            Some(()) = signals.interrupt.recv() => std::process::exit(0),
        }
    }
}

/// Asks the process to stop. It listens once: then it drains, or ends.
struct Stopper {
    sender: mpsc::Sender<Stop>,
    asked: Asked,
}

/// Whether the process had been asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Never,
    Before,
}

impl Stopper {
    fn ask(&mut self, how: Stop) -> Asked {
        let asked = std::mem::replace(&mut self.asked, Asked::Before);
        if asked == Asked::Never {
            // There is room for one, and a server that is gone has stopped.
            let _ = self.sender.try_send(how);
        }
        asked
    }
}

/// Gives up on what is still being drained.
fn end(reloader: &Reloader, socket: &Socket) {
    reloader.handle.flush_logs();
    reloader.quotas.close();
    socket.remove();
    std::process::exit(0);
}

/// One question and its answer. All but what is followed has to be over in time.
async fn converse(stream: UnixStream, reloader: &Arc<Reloader>) -> io::Result<()> {
    let (mut read, write) = stream.into_split();
    let mut write = BufWriter::new(write);
    let question = async {
        let mut line = String::new();
        BufReader::new((&mut read).take(QUESTION_BYTES_MAX)).read_line(&mut line).await?;
        Ok(serde_json::from_str::<Question>(&line))
    };
    let question = in_time(question).await?;
    if let Ok(Question::Records(question)) = &question
        && question.follow
    {
        records::follow(question, &reloader.handle, &mut read, &mut write).await?;
    } else {
        in_time(answer(question, reloader, &mut write)).await?;
    }
    write.shutdown().await
}

async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(QUESTION_TIMEOUT, work).await.map_err(|_elapsed| io::ErrorKind::TimedOut)?
}

async fn answer(
    question: serde_json::Result<Question>,
    reloader: &Arc<Reloader>,
    write: &mut BufWriter<OwnedWriteHalf>,
) -> io::Result<()> {
    let mut text = match question {
        Ok(Question::Reload) => serde_json::to_vec(&reloader.reload("tollgate reload").await?)?,
        Ok(Question::Quota(question)) => {
            return desk::answer(&question, &reloader.quotas, &reloader.handle, now(), write).await;
        }
        Ok(Question::Records(question)) => return records::list(&question, &reloader.handle, write).await.map(drop),
        Ok(Question::Keys) => serde_json::to_vec(&Keys::of(&reloader.handle, now()))?,
        Err(error) => serde_json::to_vec(&Verdict::refused(format!("the question cannot be read: {error}\n")))?,
    };
    text.push(b'\n');
    write.write_all(&text).await
}
