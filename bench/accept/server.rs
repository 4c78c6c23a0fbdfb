//! A server of several readiness loops in which only the way to accept differs. It answers every request with the same
//! few bytes and is no gateway.

use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// How connections reach the threads.
#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    /// A listening socket per thread, all with `SO_REUSEPORT`: the kernel picks by a hash of the addresses.
    PerThread,
    /// One listening socket that every thread waits for with `EPOLLEXCLUSIVE`: one that waits is woken.
    Shared,
    /// A thread that only accepts, and hands each connection to the thread with the fewest.
    Handed,
}

impl Mode {
    pub const ALL: [Mode; 3] = [Mode::PerThread, Mode::Shared, Mode::Handed];

    pub fn name(self) -> &'static str {
        match self {
            Mode::PerThread => "per thread (SO_REUSEPORT)",
            Mode::Shared => "shared (EPOLLEXCLUSIVE)",
            Mode::Handed => "one accepts, fewest gets it",
        }
    }
}

/// What a thread and its owner share.
struct Desk {
    inbox: Mutex<Vec<TcpStream>>,
    waker: Waker,
    /// Connections that are open now, those in the inbox included.
    open: AtomicUsize,
    accepted: AtomicU64,
    /// Accept what waits, then close the listening socket.
    leave: AtomicBool,
    quit: AtomicBool,
}

struct Handle {
    desk: Arc<Desk>,
    thread: JoinHandle<u64>,
}

pub struct Server {
    pub address: SocketAddr,
    threads: Vec<Handle>,
    acceptor: Option<Handle>,
}

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);
const BACKLOG: i32 = 4096;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

impl Server {
    pub fn start(mode: Mode, threads: usize) -> io::Result<Server> {
        let first = Arc::new(listener(0, mode == Mode::PerThread)?);
        let address = first.local_addr()?;
        let mut handles: Vec<Handle> = Vec::with_capacity(threads);
        for number in 0..threads {
            let own = match mode {
                Mode::PerThread if number > 0 => Some(Arc::new(listener(address.port(), true)?)),
                Mode::PerThread | Mode::Shared => Some(Arc::clone(&first)),
                Mode::Handed => None,
            };
            handles.push(spawn(own, mode, None)?);
        }
        let acceptor = match mode {
            Mode::Handed => {
                let desks = handles.iter().map(|handle| Arc::clone(&handle.desk)).collect();
                Some(spawn(Some(first), mode, Some(desks))?)
            }
            Mode::PerThread | Mode::Shared => None,
        };
        Ok(Server { address, threads: handles, acceptor })
    }

    /// Open connections of each thread.
    pub fn open(&self) -> Vec<usize> {
        self.threads.iter().map(|handle| handle.desk.open.load(Ordering::Acquire)).collect()
    }

    /// The first thread gets no further connection; the others go on.
    pub fn leave_one(&self) {
        self.threads[0].desk.tell(&self.threads[0].desk.leave);
    }

    /// Nobody accepts any more.
    pub fn leave_all(&self) {
        for Handle { desk, .. } in self.threads.iter().chain(&self.acceptor) {
            desk.tell(&desk.leave);
        }
    }

    /// Ends every thread: connections accepted and nanoseconds of CPU time they took together.
    pub fn end(self) -> (u64, u64) {
        let mut sum = (0, 0);
        for Handle { desk, thread } in self.acceptor.into_iter().chain(self.threads) {
            desk.tell(&desk.quit);
            let nanos = thread.join().expect("a server thread panicked");
            sum = (sum.0 + desk.accepted.load(Ordering::Acquire), sum.1 + nanos);
        }
        sum
    }
}

impl Desk {
    fn tell(&self, flag: &AtomicBool) {
        flag.store(true, Ordering::Release);
        self.waker.wake().expect("a thread's waker");
    }
}

fn listener(port: u16, is_one_of_many: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_port(is_one_of_many)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn spawn(
    listener: Option<Arc<TcpListener>>,
    mode: Mode,
    others: Option<Vec<Arc<Desk>>>,
) -> io::Result<Handle> {
    let poll = Poll::new()?;
    let desk = Arc::new(Desk {
        inbox: Mutex::default(),
        waker: Waker::new(poll.registry(), WAKER)?,
        open: AtomicUsize::new(0),
        accepted: AtomicU64::new(0),
        leave: AtomicBool::new(false),
        quit: AtomicBool::new(false),
    });
    if let Some(listener) = &listener {
        watch(&poll, listener, mode == Mode::Shared)?;
    }
    let connections = Slab::new();
    let worker = Worker { poll, desk: Arc::clone(&desk), listener, mode, others, connections };
    Ok(Handle { desk, thread: std::thread::spawn(move || worker.run()) })
}

/// Level-triggered on mio's own epoll descriptor: an epoll inside another would wake every thread, because
/// `EPOLLEXCLUSIVE` counts only those that wait for it directly.
fn watch(poll: &Poll, listener: &TcpListener, is_exclusive: bool) -> io::Result<()> {
    let exclusive = if is_exclusive { libc::EPOLLEXCLUSIVE } else { 0 };
    let mut event = libc::epoll_event { events: (libc::EPOLLIN | exclusive) as u32, u64: LISTENER.0 as u64 };
    // SAFETY: both descriptors are open, and the kernel only reads the event.
    let done = unsafe {
        libc::epoll_ctl(poll.as_raw_fd(), libc::EPOLL_CTL_ADD, listener.as_raw_fd(), &raw mut event)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn unwatch(poll: &Poll, listener: &TcpListener) {
    // SAFETY: both descriptors are open; a deletion reads no event.
    unsafe {
        libc::epoll_ctl(poll.as_raw_fd(), libc::EPOLL_CTL_DEL, listener.as_raw_fd(), std::ptr::null_mut());
    }
}

struct Worker {
    poll: Poll,
    desk: Arc<Desk>,
    listener: Option<Arc<TcpListener>>,
    mode: Mode,
    /// Whom connections are handed to; without it they are kept.
    others: Option<Vec<Arc<Desk>>>,
    connections: Slab<mio::net::TcpStream>,
}

impl Worker {
    /// Returns nanoseconds of CPU time.
    fn run(mut self) -> u64 {
        let mut events = Events::with_capacity(512);
        while !self.desk.quit.load(Ordering::Acquire) {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled.expect("epoll_wait"),
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(self.batch()),
                    WAKER => self.look(),
                    Token(key) => self.serve(key),
                }
            }
        }
        cpu_nanos()
    }

    /// Connections taken at a time. One where others wait for the same socket, or the first would take all that wait.
    fn batch(&self) -> usize {
        if self.mode == Mode::Shared { 1 } else { 64 }
    }

    fn look(&mut self) {
        let handed = std::mem::take(&mut *self.desk.inbox.lock().expect("no holder panics"));
        handed.into_iter().for_each(|stream| self.keep(stream));
        if self.desk.leave.load(Ordering::Acquire) {
            self.accept(usize::MAX);
            if let Some(listener) = self.listener.take() {
                unwatch(&self.poll, &listener);
            }
        }
    }

    fn accept(&mut self, most: usize) {
        for _ in 0..most {
            let Some(listener) = &self.listener else { return };
            let Ok((stream, _)) = listener.accept() else { return };
            self.desk.accepted.fetch_add(1, Ordering::Relaxed);
            match &self.others {
                Some(others) => hand_over(others, stream),
                None => {
                    self.desk.open.fetch_add(1, Ordering::AcqRel);
                    self.keep(stream);
                }
            }
        }
    }

    fn keep(&mut self, stream: TcpStream) {
        stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).expect("a new socket");
        let mut stream = mio::net::TcpStream::from_std(stream);
        let entry = self.connections.vacant_entry();
        self.poll
            .registry()
            .register(&mut stream, Token(entry.key()), Interest::READABLE)
            .expect("epoll_ctl");
        entry.insert(stream);
    }

    fn serve(&mut self, key: usize) {
        let mut buffer = [0; 1024];
        loop {
            let Some(stream) = self.connections.get_mut(key) else { return };
            let written = match stream.read(&mut buffer) {
                Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => stream.write_all(ANSWER),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => Err(error),
            };
            if written.is_err() {
                self.connections.remove(key);
                self.desk.open.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }
}

fn hand_over(others: &[Arc<Desk>], stream: TcpStream) {
    let staying = others.iter().filter(|desk| !desk.leave.load(Ordering::Acquire));
    // When all leave, what was accepted is still served.
    let fewest = staying.min_by_key(|desk| desk.open.load(Ordering::Acquire)).unwrap_or(&others[0]);
    fewest.open.fetch_add(1, Ordering::AcqRel);
    fewest.inbox.lock().expect("no holder panics").push(stream);
    fewest.waker.wake().expect("a thread's waker");
}

/// CPU time of this thread; the kernel's own count, which lags by at most a tick.
fn cpu_nanos() -> u64 {
    let text =
        std::fs::read_to_string("/proc/thread-self/schedstat").expect("a kernel with scheduler statistics");
    text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("nanoseconds come first")
}
