//! Other people's sites: they say what a test wrote, byte for byte, and remember what they heard.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::site::PATIENCE;

/// A site that gives the same bytes to everybody, or others at each turn.
pub(crate) struct Elsewhere {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    open: Arc<AtomicUsize>,
}

/// What it answers, by how many asked before and by what it is asked.
type Answers = dyn Fn(usize, &str) -> Vec<u8> + Send + Sync;

/// Somebody whom `ca` vouches for.
pub(crate) struct Identity {
    pub(crate) ca: tempfile::NamedTempFile,
    tls: Arc<ServerConfig>,
}

impl Identity {
    pub(crate) fn of(name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let mut ca = tempfile::NamedTempFile::new().unwrap();
        ca.write_all(made.cert.pem().as_bytes()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Self { ca, tls: Arc::new(tls) }
    }
}

impl Elsewhere {
    /// The last answer is repeated.
    pub(crate) fn says(answers: &[&str]) -> Self {
        Self::begin(in_turn(answers), None, true)
    }

    /// Nothing ends: connections stay open behind the last byte.
    pub(crate) fn never_ends(answers: &[&str]) -> Self {
        Self::begin(in_turn(answers), None, false)
    }

    /// The same to everybody, be it text or not.
    pub(crate) fn bytes(answer: &'static [u8]) -> Self {
        Self::begin(Box::new(|_, _| answer.to_vec()), None, true)
    }

    /// By what it is asked.
    pub(crate) fn asked(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self::begin(Box::new(move |_, asked| answer(asked).into_bytes()), None, true)
    }

    pub(crate) fn encrypted(answers: &[&str], identity: &Identity) -> Self {
        Self::begin(in_turn(answers), Some(Arc::clone(&identity.tls)), true)
    }

    fn begin(answers: Box<Answers>, tls: Option<Arc<ServerConfig>>, ends: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, open) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (hears, opens, answers) = (Arc::clone(&heard), Arc::clone(&open), Arc::new(answers));
        std::thread::spawn(move || {
            for (turn, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { return };
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                opens.fetch_add(1, Ordering::SeqCst);
                let (hears, opens, tls) = (Arc::clone(&hears), Arc::clone(&opens), tls.clone());
                let answers = Arc::clone(&answers);
                std::thread::spawn(move || {
                    serve(stream, &|asked| answers(turn, asked), &hears, tls, ends);
                    opens.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, heard, open }
    }

    /// Connections that nobody closed.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What came, each request by itself.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

fn in_turn(answers: &[&str]) -> Box<Answers> {
    let answers: Vec<String> = answers.iter().map(|it| (*it).to_owned()).collect();
    Box::new(move |turn, _| answers.get(turn).or(answers.last()).unwrap().clone().into_bytes())
}

fn serve(
    stream: TcpStream,
    answer: &dyn Fn(&str) -> Vec<u8>,
    heard: &Mutex<Vec<String>>,
    tls: Option<Arc<ServerConfig>>,
    ends: bool,
) {
    let kept = stream.try_clone().unwrap();
    match tls {
        Some(tls) => {
            let tls = ServerConnection::new(tls).unwrap();
            speak(BufReader::new(StreamOwned::new(tls, stream)), answer, heard);
        }
        None => speak(BufReader::new(stream), answer, heard),
    }
    if !ends {
        // Until the other side has enough.
        let mut rest = kept;
        rest.set_read_timeout(Some(Duration::from_secs(600))).unwrap();
        while rest.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {}
    }
}

fn speak<S: std::io::Read + std::io::Write>(
    mut stream: BufReader<S>,
    answer: &dyn Fn(&str) -> Vec<u8>,
    heard: &Mutex<Vec<String>>,
) {
    let (mut request, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if !stream.read_line(&mut line).is_ok_and(|read| read > 0) {
            return;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(said) = lower.strip_prefix("content-length:") {
            length = said.trim().parse().unwrap();
        }
        let is_end = line == "\r\n";
        request.push_str(&line);
        if is_end {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    request.push_str(std::str::from_utf8(&body).unwrap());
    let answer = answer(&request);
    heard.lock().unwrap().push(request);
    // Who has enough closes early.
    let _ = stream.get_mut().write_all(&answer);
    let _ = stream.get_mut().flush();
}
