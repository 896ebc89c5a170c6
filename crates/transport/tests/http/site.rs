//! A site of ours on a real socket, and raw bytes to it.

use std::future::Future;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::http::request::Parts;
use portcullis_transport::http::{
    Address, Body, Caller, Limits, Listener, Reply, Tls, TlsFiles, serve,
};
use rustls::pki_types::CertificateDer;
use tokio::sync::oneshot;

/// Far longer than anything here takes, so that a hang is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Served until it is dropped.
pub(crate) struct Site {
    pub(crate) address: Address,
    /// How many requests were answered.
    pub(crate) answered: Arc<AtomicUsize>,
    certificate: Option<CertificateDer<'static>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Site {
    /// Serves on a port of 127.0.0.1.
    pub(crate) fn on_loopback<F, Fut>(limits: Limits, answer: F) -> Self
    where
        F: Fn(Parts, Body, Caller) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Reply> + Send + 'static,
    {
        Self::at(&Address::Tcp(([127, 0, 0, 1], 0).into()), limits, answer)
    }

    pub(crate) fn at<F, Fut>(address: &Address, limits: Limits, answer: F) -> Self
    where
        F: Fn(Parts, Body, Caller) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Reply> + Send + 'static,
    {
        Self::made(Listener::bind(address).unwrap(), limits, answer)
    }

    /// Serves on loopback what is made when the address is known.
    pub(crate) fn told<F, Fut>(limits: Limits, make: impl FnOnce(&Address) -> F) -> Self
    where
        F: Fn(Parts, Body, Caller) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Reply> + Send + 'static,
    {
        let listener = Listener::bind(&Address::Tcp(([127, 0, 0, 1], 0).into())).unwrap();
        let answer = make(&listener.local().unwrap());
        Self::made(listener, limits, answer)
    }

    /// The same, where connections are encrypted.
    pub(crate) fn encrypted<F, Fut>(limits: Limits, make: impl FnOnce(&Address) -> F) -> Self
    where
        F: Fn(Parts, Body, Caller) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Reply> + Send + 'static,
    {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str| folder.path().join(name);
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(of("certificate"), own.cert.pem()).unwrap();
        std::fs::write(of("key"), own.signing_key.serialize_pem()).unwrap();
        let files = TlsFiles {
            certificate: of("certificate"),
            key: of("key"),
            client_ca: None,
            required: false,
        };
        let tls = Arc::new(Tls::read(files).unwrap());
        let listener = Listener::bind(&Address::Tcp(([127, 0, 0, 1], 0).into())).unwrap();
        let answer = make(&listener.local().unwrap());
        let mut site = Self::made(listener.encrypted(tls), limits, answer);
        site.certificate = Some(own.cert.der().clone());
        site
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        self.certificate.as_ref().unwrap()
    }

    fn made<F, Fut>(listener: Listener, limits: Limits, answer: F) -> Self
    where
        F: Fn(Parts, Body, Caller) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Reply> + Send + 'static,
    {
        let address = listener.local().unwrap();
        let answered = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&answered);
        let counted = move |head, body, caller| {
            count.fetch_add(1, Ordering::SeqCst);
            answer(head, body, caller)
        };
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let stopped = async { drop(stopped.await) };
            runtime.unwrap().block_on(serve(listener, limits, stopped, counted)).unwrap();
        });
        let (stop, thread) = (Some(stop), Some(thread));
        Self { address, answered, certificate: None, stop, thread }
    }

    pub(crate) fn tcp(&self) -> SocketAddr {
        let Address::Tcp(address) = &self.address else { panic!("not a port") };
        *address
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.tcp()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends these bytes, and gives back all that comes until the other end closes.
    pub(crate) fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // Who is refused early may be cut off while he still writes.
        let _ = stream.write_all(bytes);
        everything(&mut stream)
    }

    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }

    /// Asks it to stop.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop();
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "the site failed");
    }
}

/// What comes until the other end closes, however it does that.
pub(crate) fn everything(stream: &mut impl io::Read) -> String {
    let mut all = Vec::new();
    let ended = stream.read_to_end(&mut all);
    if let Err(error) = ended {
        assert!(!matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut));
    }
    String::from_utf8(all).unwrap()
}

/// What comes until it ends so.
pub(crate) fn until(stream: &mut impl io::Read, end: &str) -> String {
    let mut all = Vec::new();
    while !all.ends_with(end.as_bytes()) {
        let mut byte = [0];
        assert_ne!(stream.read(&mut byte).unwrap(), 0, "{:?}", String::from_utf8_lossy(&all));
        all.extend(byte);
    }
    String::from_utf8(all).unwrap()
}

/// The status of the first answer; `None` when there was none.
pub(crate) fn status(answer: &str) -> Option<u16> {
    answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// A short limit for what must not wait.
pub(crate) fn short() -> Duration {
    Duration::from_millis(200)
}

/// A POST of these bytes.
pub(crate) fn post(body: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
