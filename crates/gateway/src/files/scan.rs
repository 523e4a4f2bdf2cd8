//! What a virus scanner says of a file: clamd, over its own protocol.
//!
//! `zINSTREAM`, then pieces behind their lengths, then a length of zero; the answer is one line that ends
//! with a zero byte. A file goes by while it comes in, so that no second copy of it is ever anywhere. What
//! clamd finds has a name, which operators are told and users are not.

use std::{fmt, io, path::PathBuf, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long a connection may take. It is a neighbour.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// How long clamd may take to take one piece.
const PIECE_WITHIN: Duration = Duration::from_secs(30);

/// How long clamd may take to answer after the last piece: its own limit is two minutes.
const ANSWER_WITHIN: Duration = Duration::from_mins(3);

/// The longest answer that is read, in bytes: the name of what it found.
const ANSWER_BYTES_MAX: u64 = 1_024;

/// The largest piece that is sent, in bytes.
const PIECE_BYTES_MAX: usize = 64 * 1024;

/// What it "finds" in a file of which it does not look at all.
const EXCEEDED: &str = "Heuristics.Limits.Exceeded";

/// Where the scanner is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScannerAddress {
    /// A socket in the file system.
    Unix(PathBuf),
    /// A host and port.
    Tcp(String),
}

impl fmt::Display for ScannerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp(address) => f.write_str(address),
        }
    }
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScanError {
    /// It is not there, or stopped being there.
    #[error("the virus scanner cannot be reached")]
    Away(#[source] io::Error),
    /// It took too long.
    #[error("the virus scanner did not answer in time")]
    Slow,
    /// It began to look and went away: it may be the file that it could not bear.
    #[error("the virus scanner hung up on the file")]
    HungUp(#[source] io::Error),
    /// It does not take files of this size (its `StreamMaxLength`), or does not look at all of one.
    #[error("the file is larger than the virus scanner takes")]
    TooLarge,
    /// It said something else.
    #[error("the virus scanner answered: {0}")]
    Refused(String),
}

/// What the scanner says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Clean,
    /// It found something, and calls it so.
    Found(String),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One file that goes by.
pub(super) struct Scan {
    stream: Box<dyn Stream>,
}

impl Scan {
    pub(super) async fn begin(address: &ScannerAddress) -> Result<Self, ScanError> {
        let connect = async {
            let stream: Box<dyn Stream> = match address {
                #[cfg(unix)]
                ScannerAddress::Unix(path) => {
                    Box::new(tokio::net::UnixStream::connect(path).await?)
                }
                #[cfg(not(unix))]
                ScannerAddress::Unix(_) => return Err(io::ErrorKind::Unsupported.into()),
                ScannerAddress::Tcp(address) => Box::new(TcpStream::connect(address).await?),
            };
            Ok(stream)
        };
        let stream = timeout(CONNECT_WITHIN, connect).await.map_err(|_| ScanError::Slow)?;
        let mut scan = Self { stream: stream.map_err(ScanError::Away)? };
        match scan.send(b"zINSTREAM\0").await {
            Err(ScanError::HungUp(error)) => Err(ScanError::Away(error)),
            sent => sent.map(|()| scan),
        }
    }

    /// Shows it the next bytes.
    pub(super) async fn show(&mut self, bytes: &[u8]) -> Result<(), ScanError> {
        for piece in bytes.chunks(PIECE_BYTES_MAX) {
            let length = u32::try_from(piece.len()).unwrap_or(u32::MAX).to_be_bytes();
            self.send(&length).await?;
            self.send(piece).await?;
        }
        Ok(())
    }

    /// What it says of all of them.
    pub(super) async fn verdict(mut self) -> Result<Verdict, ScanError> {
        self.send(&0_u32.to_be_bytes()).await?;
        self.answer().await
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), ScanError> {
        let sent = timeout(PIECE_WITHIN, self.stream.write_all(bytes)).await;
        let Err(error) = sent.map_err(|_| ScanError::Slow)? else { return Ok(()) };
        // It hangs up when it has heard enough, and has said why before.
        match self.answer().await {
            Err(said @ (ScanError::TooLarge | ScanError::Refused(_))) => Err(said),
            Ok(_) | Err(_) => Err(ScanError::HungUp(error)),
        }
    }

    async fn answer(&mut self) -> Result<Verdict, ScanError> {
        let mut answer = Vec::new();
        let reading = (&mut self.stream).take(ANSWER_BYTES_MAX);
        let read = timeout(ANSWER_WITHIN, read_line(reading, &mut answer)).await;
        read.map_err(|_| ScanError::Slow)?.map_err(ScanError::HungUp)?;
        let answer = String::from_utf8_lossy(&answer);
        verdict_of(answer.trim_end_matches(['\0', '\n']).trim())
    }
}

async fn read_line(mut from: impl AsyncRead + Unpin, line: &mut Vec<u8>) -> io::Result<()> {
    while !line.ends_with(&[0]) && from.read_buf(line).await? > 0 {}
    Ok(())
}

fn verdict_of(answer: &str) -> Result<Verdict, ScanError> {
    let said = answer.strip_prefix("stream: ").unwrap_or(answer);
    if said == "OK" {
        return Ok(Verdict::Clean);
    }
    if let Some(name) = said.strip_suffix(" FOUND") {
        // So it says, if it is told to (`AlertExceedsMax`), that it did not look at all of it.
        if name.starts_with(EXCEEDED) {
            return Err(ScanError::TooLarge);
        }
        return Ok(Verdict::Found(name.to_owned()));
    }
    if said.contains("size limit exceeded") {
        return Err(ScanError::TooLarge);
    }
    if said.is_empty() {
        return Err(ScanError::HungUp(io::ErrorKind::UnexpectedEof.into()));
    }
    Err(ScanError::Refused(said.to_owned()))
}

#[cfg(test)]
pub(super) mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A scanner that reads a stream as clamd does and answers so; and its address.
    pub(in crate::files) async fn scanner(answer: &'static [u8], most: usize) -> ScannerAddress {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut command = [0; 10];
            stream.read_exact(&mut command).await.unwrap();
            assert_eq!(&command, b"zINSTREAM\0");
            let mut heard = 0;
            loop {
                let length = usize::try_from(stream.read_u32().await.unwrap()).unwrap();
                heard += length;
                if length == 0 || heard > most {
                    break;
                }
                stream.read_exact(&mut vec![0; length]).await.unwrap();
            }
            stream.write_all(answer).await.unwrap();
        });
        ScannerAddress::Tcp(address)
    }

    async fn asked(answer: &'static [u8]) -> Result<Verdict, ScanError> {
        let mut scan = Scan::begin(&scanner(answer, usize::MAX).await).await?;
        scan.show(&vec![7; 200_000]).await?;
        scan.verdict().await
    }

    #[tokio::test]
    async fn a_scanners_answers_are_understood() {
        assert_eq!(asked(b"stream: OK\0").await.unwrap(), Verdict::Clean);
        let found = asked(b"stream: Eicar-Signature FOUND\0").await.unwrap();
        assert_eq!(found, Verdict::Found("Eicar-Signature".to_owned()));
        let limit = asked(b"INSTREAM size limit exceeded. ERROR\0").await;
        assert!(matches!(limit, Err(ScanError::TooLarge)), "{limit:?}");
        let unseen = asked(b"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0").await;
        assert!(matches!(unseen, Err(ScanError::TooLarge)), "{unseen:?}");
        let other = asked(b"stream: Can't allocate memory ERROR\0").await;
        assert!(matches!(other, Err(ScanError::Refused(_))), "{other:?}");
        for silence in [&b""[..], b"\0"] {
            let nothing = asked(silence).await;
            assert!(matches!(nothing, Err(ScanError::HungUp(_))), "{nothing:?}");
        }
    }

    #[tokio::test]
    async fn one_that_hangs_up_early_is_heard_all_the_same() {
        let address = scanner(b"INSTREAM size limit exceeded. ERROR\0", 100_000).await;
        let mut scan = Scan::begin(&address).await.unwrap();
        let mut shown = Ok(());
        for _ in 0..1_000 {
            shown = scan.show(&vec![7; 64 * 1024]).await;
            if shown.is_err() {
                break;
            }
        }
        // The connection may be reset before its last words are read.
        assert!(matches!(shown, Err(ScanError::TooLarge | ScanError::HungUp(_))), "{shown:?}");
    }

    #[tokio::test]
    async fn one_that_is_not_there_is_away() {
        let gone = ScannerAddress::Tcp("127.0.0.1:1".to_owned());
        assert!(matches!(Scan::begin(&gone).await, Err(ScanError::Away(_))));
        let gone = ScannerAddress::Unix("/nonexistent/clamd.sock".into());
        assert!(matches!(Scan::begin(&gone).await, Err(ScanError::Away(_))));
    }
}
