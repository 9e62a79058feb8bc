//! A way to PostgreSQL that loses the ends of transactions.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Where a connection is cut; the client cannot tell one from the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The request does not get to the server: the transaction is rolled back.
    BeforeTheServer,
    /// The request is on its way when the connection goes: the server may still be at it when the client asks.
    OnTheWay,
    /// The server has committed, and its answer gets lost.
    BeforeTheClient,
}

const PLACES: [Place; 3] = [Place::BeforeTheServer, Place::OnTheWay, Place::BeforeTheClient];
/// One of so many transactions loses its end, as long as there are cuts left.
const ONE_OF: u32 = 4;

struct State {
    server: String,
    is_over: AtomicBool,
    left: Mutex<Left>,
}

struct Left {
    random: StdRng,
    cuts: usize,
    made: usize,
}

impl State {
    /// Whether this end of a transaction gets lost, and where.
    fn cut(&self) -> Option<Place> {
        let mut left = self.left.lock();
        if left.made == left.cuts || !left.random.random_ratio(1, ONE_OF) {
            return None;
        }
        left.made += 1;
        Some(PLACES[left.made % PLACES.len()])
    }
}

/// Takes connections for a server. Connections have to be in the clear.
pub struct Cut {
    address: SocketAddr,
    state: Arc<State>,
}

impl Cut {
    /// Before a server at `host:port`. Nothing is cut yet.
    pub fn before(server: &str, seed: u64) -> Self {
        let left = Mutex::new(Left { random: StdRng::seed_from_u64(seed), cuts: 0, made: 0 });
        let state = Arc::new(State { server: server.to_owned(), is_over: AtomicBool::new(false), left });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.is_over.load(SeqCst) {
                    break;
                }
                let state = Arc::clone(&shared);
                std::thread::spawn(move || drop(carry(&client, &state)));
            }
        });
        Self { address, state }
    }

    /// `host:port` of it.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// So many ends of transactions get lost from now on, here and there.
    pub fn begin(&self, cuts: usize) {
        self.state.left.lock().cuts = cuts;
    }

    /// How many did.
    pub fn made(&self) -> usize {
        self.state.left.lock().made
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.state.is_over.store(true, SeqCst);
        drop(TcpStream::connect(self.address));
    }
}

/// Carries one connection until either side ends it, or it is cut.
fn carry(client: &TcpStream, state: &State) -> io::Result<()> {
    let server = TcpStream::connect(&state.server)?;
    let (client, server) = (Arc::new(client.try_clone()?), Arc::new(server));
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let answers_get_lost = Arc::new(AtomicBool::new(false));
    let back = {
        let (client, server, lost) = (Arc::clone(&client), Arc::clone(&server), Arc::clone(&answers_get_lost));
        std::thread::spawn(move || {
            let mut chunk = [0; 8192];
            while let Ok(count @ 1..) = (&*server).read(&mut chunk) {
                // An answer says that the server is done.
                if lost.load(SeqCst) || (&*client).write_all(&chunk[..count]).is_err() {
                    break;
                }
            }
            close(&client, &server);
        })
    };
    // The first message has no type.
    let mut has_type = false;
    while let Ok(message) = message(&client, has_type) {
        has_type = true;
        let place = if message.starts_with(b"Q") && message.ends_with(b"COMMIT\0") { state.cut() } else { None };
        match place {
            Some(Place::BeforeTheServer) => break,
            Some(Place::BeforeTheClient) => answers_get_lost.store(true, SeqCst),
            _ => {}
        }
        if (&*server).write_all(&message).is_err() || place == Some(Place::OnTheWay) {
            break;
        }
    }
    if !answers_get_lost.load(SeqCst) {
        close(&client, &server);
    }
    drop(back.join());
    Ok(())
}

fn close(one: &TcpStream, other: &TcpStream) {
    for stream in [one, other] {
        // It may be closed already.
        drop(stream.shutdown(Shutdown::Both));
    }
}

/// The next message of a client: a type, and a length that counts itself.
fn message(mut client: &TcpStream, has_type: bool) -> io::Result<Vec<u8>> {
    let head = 4 + usize::from(has_type);
    let mut message = vec![0; head];
    client.read_exact(&mut message)?;
    let length = u32::from_be_bytes(message[head - 4..].try_into().unwrap()) as usize;
    message.resize(head - 4 + length, 0);
    client.read_exact(&mut message[head..])?;
    Ok(message)
}
