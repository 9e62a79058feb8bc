//! A server of HTTP/1.1 that does as it is told, also what no server should.

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

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Method and target.
    pub line: String,
    /// Names in small letters.
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

/// What a server does about a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Answers with a status, headers and a body.
    Status(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Says nothing, and holds the connection.
    Never,
    /// Says nothing, and closes it.
    Close,
    /// Announces a body of this length, sends another, and closes.
    Torn(u16, usize, Vec<u8>),
    /// Announces a body of this length, and sends a byte of it now and then.
    Slow(u16, usize),
    /// Sends this, which need not be HTTP, and closes.
    Raw(Vec<u8>),
}

pub fn status(status: u16) -> Reply {
    Reply::Status(status, Vec::new(), Vec::new())
}

/// Wraps a connection, such as in TLS.
pub type Wrap = Arc<dyn Fn(TcpStream) -> io::Result<Box<dyn Both>> + Send + Sync>;

pub trait Both: Read + Write + Send {}
impl<T: Read + Write + Send> Both for T {}

type Answering = dyn Fn(&Request) -> Reply + Send + Sync;

pub struct Endpoint {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
    over: Arc<AtomicBool>,
}

impl Endpoint {
    pub fn start(answering: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::wrapped(answering, Arc::new(|stream| Ok(Box::new(stream))))
    }

    pub fn wrapped(answering: impl Fn(&Request) -> Reply + Send + Sync + 'static, wrap: Wrap) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, over) = (Arc::<Mutex<Vec<Request>>>::default(), Arc::new(AtomicBool::new(false)));
        let (answering, all, ended): (Arc<Answering>, _, _) =
            (Arc::new(answering), Arc::clone(&seen), Arc::clone(&over));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(SeqCst) {
                    return;
                }
                let (answering, all, ended) = (Arc::clone(&answering), Arc::clone(&all), Arc::clone(&ended));
                let wrap = Arc::clone(&wrap);
                thread::spawn(move || {
                    // A client may go away whenever it likes.
                    drop(stream.and_then(|stream| {
                        stream.set_nodelay(true)?;
                        serve(wrap(stream)?, &*answering, &all, &ended)
                    }));
                });
            }
        });
        Self { address, seen, over }
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
        self.over.store(true, SeqCst);
        // Wakes the listener up.
        drop(TcpStream::connect(self.address));
    }
}

fn serve(stream: Box<dyn Both>, answering: &Answering, all: &Mutex<Vec<Request>>, over: &AtomicBool) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream)? {
        let reply = answering(&request);
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
                while !over.load(SeqCst) {
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
                    if over.load(SeqCst) {
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

fn read(stream: &mut BufReader<Box<dyn Both>>) -> io::Result<Option<Request>> {
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
