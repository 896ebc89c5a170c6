//! Questions for names: answered here, never passed on.

use std::io;
use std::sync::{Arc, PoisonError};

use portcullis_guard::egress::dns::{Answer, LONGEST, Question};
use portcullis_guard::egress::{Denial, HostName, Read, Why};
use tokio::net::{TcpStream, UdpSocket};

use super::serve::Shared;
use super::talk::Talk;

/// Answers packets.
pub(super) async fn over_udp(socket: UdpSocket, shared: Arc<Shared>) {
    let mut packet = vec![0; LONGEST];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut packet).await else {
            // An error of an earlier answer; the next packet is another matter.
            tokio::task::yield_now().await;
            continue;
        };
        let packet = packet.get(..length).unwrap_or_default();
        if let Some(answer) = answer(packet, &shared).await {
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

/// Answers questions that each have their length before them (RFC 7766).
pub(super) async fn over_tcp(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut talk = Talk::new(stream);
    while let Ok(packet) = talk.hear(framed).await {
        let Some(answer) = answer(&packet, shared).await else { break };
        let length = u16::try_from(answer.len()).unwrap_or_default();
        talk.say(&[length.to_be_bytes().as_slice(), &answer].concat()).await?;
    }
    Ok(())
}

fn framed(bytes: &[u8]) -> Result<Read<Vec<u8>>, ()> {
    let Some((head, rest)) = bytes.split_first_chunk() else { return Ok(Read::More) };
    let length = usize::from(u16::from_be_bytes(*head));
    if length > LONGEST {
        return Err(());
    }
    Ok(rest.get(..length).map_or(Read::More, |packet| Read::Whole(packet.to_vec(), length + 2)))
}

async fn answer(packet: &[u8], shared: &Shared) -> Option<Vec<u8>> {
    let question = Question::read(packet)?;
    let answer = match stand_in(&question.name, shared) {
        Ok(answer) => answer,
        Err(denial) => {
            let full = denial.why == Why::TooMany;
            shared.tell(denial).await;
            if full { Answer::Failed } else { Answer::NoSuchName }
        }
    };
    Some(question.answered(answer))
}

fn stand_in(asked: &str, shared: &Shared) -> Result<Answer, Denial> {
    let name = HostName::new(asked).map_err(|why| Denial::about(asked, Why::NotAHost(why)))?;
    if !shared.reach().lists(&name) {
        return Err(Denial::about(name.as_str(), Why::NotListed));
    }
    let mut names = shared.names.lock().unwrap_or_else(PoisonError::into_inner);
    let address = names.of(&name);
    address.map(Answer::StandIn).ok_or_else(|| Denial::about(name.as_str(), Why::TooMany))
}
