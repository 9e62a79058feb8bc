//! An HTTP/1.1 server that gives any reply a test asks for, also invalid ones.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

/// A received request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Method and target.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The server's reaction to a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Answers with a status, headers and a body.
    Status(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Sends nothing and keeps the connection open.
    Never,
    /// Sends nothing and closes the connection.
    Close,
    /// Announces a body of this length, sends a different one, and closes the connection.
    Torn(u16, usize, Vec<u8>),
    /// Announces a body of this length and sends one byte every 20 ms.
    Slow(u16, usize),
    /// Sends these bytes, which need not be HTTP, and closes the connection.
    Raw(Vec<u8>),
}

pub fn status(status: u16) -> Reply {
    Reply::Status(status, Vec::new(), Vec::new())
}

/// Wraps a connection, for example in TLS.
pub type Wrap = Arc<dyn Fn(TcpStream) -> io::Result<Box<dyn Connection>> + Send + Sync>;

pub trait Connection: Read + Write + Send {}
impl<T: Read + Write + Send> Connection for T {}

type ReplyFn = dyn Fn(&Request) -> Reply + Send + Sync;

pub struct Endpoint {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
    stopped: Arc<AtomicBool>,
}

impl Endpoint {
    pub fn start(reply_to: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::wrapped(reply_to, Arc::new(|stream| Ok(Box::new(stream))))
    }

    pub fn wrapped(reply_to: impl Fn(&Request) -> Reply + Send + Sync + 'static, wrap: Wrap) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, stopped) = (Arc::<Mutex<Vec<Request>>>::default(), Arc::new(AtomicBool::new(false)));
        let (reply_to, all, ended): (Arc<ReplyFn>, _, _) =
            (Arc::new(reply_to), Arc::clone(&seen), Arc::clone(&stopped));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(SeqCst) {
                    return;
                }
                let (reply_to, all, ended) = (Arc::clone(&reply_to), Arc::clone(&all), Arc::clone(&ended));
                let wrap = Arc::clone(&wrap);
                thread::spawn(move || {
                    // Errors are ignored: a client may disconnect at any time.
                    drop(stream.and_then(|stream| {
                        stream.set_nodelay(true)?;
                        serve(wrap(stream)?, &*reply_to, &all, &ended)
                    }));
                });
            }
        });
        Self { address, seen, stopped }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.stopped.store(true, SeqCst);
        // Wakes up the listener.
        drop(TcpStream::connect(self.address));
    }
}

fn serve(
    stream: Box<dyn Connection>,
    reply_to: &ReplyFn,
    all: &Mutex<Vec<Request>>,
    stopped: &AtomicBool,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream)? {
        let reply = reply_to(&request);
        all.lock().unwrap().push(request);
        let out = stream.get_mut();
        match reply {
            Reply::Status(status, headers, body) => {
                let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in headers {
                    head.extend([name, ": ", value.as_ref(), "\r\n"]);
                }
                out.write_all(&[head.as_bytes(), b"\r\n", &body].concat())?;
                out.flush()?;
            }
            Reply::Never => {
                while !stopped.load(SeqCst) {
                    thread::sleep(Duration::from_millis(10));
                }
                return Ok(());
            }
            Reply::Close => return Ok(()),
            Reply::Torn(status, length, body) => {
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n");
                out.write_all(&[head.as_bytes(), &body].concat())?;
                return out.flush();
            }
            Reply::Slow(status, length) => {
                out.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n").as_bytes())?;
                for _ in 0..length {
                    if stopped.load(SeqCst) {
                        break;
                    }
                    out.write_all(b"x")?;
                    out.flush()?;
                    thread::sleep(Duration::from_millis(20));
                }
            }
            Reply::Raw(bytes) => {
                out.write_all(&bytes)?;
                return out.flush();
            }
        }
    }
    Ok(())
}

fn read(stream: &mut BufReader<Box<dyn Connection>>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut request = Request { line: line.trim_end().to_owned(), ..Request::default() };
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        request.headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    request.body.resize(length, 0);
    stream.read_exact(&mut request.body)?;
    Ok(Some(request))
}
