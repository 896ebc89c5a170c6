//! One connection of a server's, and what it has said so far.

use std::io;
use std::time::Duration;

use portcullis_guard::egress::Read;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a server may take to say what it wants.
const HURRY: Duration = Duration::from_secs(10);
/// More than any format needs to be understood.
const MOST: usize = 32 << 10;

/// A connection with the bytes that nobody has used yet.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) stream: TcpStream,
    pub(super) heard: Vec<u8>,
}

/// Why there was nothing to understand.
#[derive(Debug)]
pub(super) enum Unheard<E> {
    /// It closed, or took too long, or the connection broke.
    Gone,
    /// It is not what it should be.
    Bad(E),
}

impl Talk {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, heard: Vec::new() }
    }

    /// Reads until `read` understands. What it used is gone, what follows stays.
    pub(super) async fn hear<T, E>(
        &mut self,
        read: impl Fn(&[u8]) -> Result<Read<T>, E>,
    ) -> Result<T, Unheard<E>> {
        let (meaning, used) = self.understand(read).await?;
        self.heard.drain(..used.min(self.heard.len()));
        Ok(meaning)
    }

    /// The same, and everything stays to be passed on.
    pub(super) async fn overhear<T, E>(
        &mut self,
        read: impl Fn(&[u8]) -> Result<Read<T>, E>,
    ) -> Result<T, Unheard<E>> {
        self.understand(read).await.map(|(meaning, _)| meaning)
    }

    async fn understand<T, E>(
        &mut self,
        read: impl Fn(&[u8]) -> Result<Read<T>, E>,
    ) -> Result<(T, usize), Unheard<E>> {
        let whole = async {
            loop {
                match read(&self.heard).map_err(Unheard::Bad)? {
                    Read::Whole(meaning, used) => return Ok((meaning, used)),
                    Read::More if self.heard.len() >= MOST => return Err(Unheard::Gone),
                    Read::More => {}
                }
                match self.stream.read_buf(&mut self.heard).await {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => return Err(Unheard::Gone),
                }
            }
        };
        timeout(HURRY, whole).await.unwrap_or(Err(Unheard::Gone))
    }

    /// Answers.
    pub(super) async fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(HURRY, self.stream.write_all(bytes)).await?
    }

    /// Answers for the last time.
    pub(super) async fn end(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.say(bytes).await?;
        self.stream.shutdown().await
    }
}
