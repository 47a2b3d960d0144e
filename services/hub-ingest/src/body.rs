//! Reading and decompressing a request's body within bounds.

use std::{
    io::{self, Read},
    time::Duration,
};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use http_body_util::BodyExt as _;
use hyper::{
    body::Body,
    header::{CONTENT_ENCODING, HeaderMap, TRANSFER_ENCODING},
};

use crate::admission::{Full, Held};

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// gzip, one member or several.
    Gzip,
    /// Zstandard, one frame or several, with windows of at most 8 MiB.
    Zstd,
}

impl Encoding {
    /// The names of `Content-Encoding` that are known.
    pub const NAMES: &'static [&'static str] = &["gzip", "zstd"];

    /// What the request's head says; `None` when it is not known.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        // Of the transfer's own encodings the connection has undone the chunks, and no other.
        if headers.get_all(TRANSFER_ENCODING).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"chunked")) {
            return None;
        }
        let Some(value) = headers.get(CONTENT_ENCODING) else { return Some(Self::Identity) };
        let name = value.as_bytes().trim_ascii();
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match () {
            () if name.is_empty() || is("identity") => Some(Self::Identity),
            () if is("gzip") || is("x-gzip") => Some(Self::Gzip),
            () if is("zstd") => Some(Self::Zstd),
            () => None,
        }
    }
}

/// Why a body could not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is larger than the bound.
    #[error("the body is larger than {limit} bytes{}", if *.compressed { " after decompression" } else { "" })]
    TooLarge {
        /// The bound, bytes.
        limit: usize,
        /// Whether it is the bound of the decompressed size.
        compressed: bool,
    },
    /// It did not arrive in time.
    #[error("the body did not arrive within {0:?}")]
    Slow(Duration),
    /// There is none, it broke off, or its compression is broken.
    #[error("{0}")]
    Broken(String),
    /// The hub holds as many bytes as it may: the same request may be sent again later.
    #[error(transparent)]
    Full(#[from] Full),
}

/// Reads a body whole, at most `limit` bytes of it, within `time`.
///
/// # Errors
/// See [`BodyError`]. What was not read stays in `body`.
pub async fn read<B>(body: &mut B, limit: usize, time: Duration, held: &mut Held) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let announced = body.size_hint().lower();
    let too_large = BodyError::TooLarge { limit, compressed: false };
    if usize::try_from(announced).map_or(true, |announced| announced > limit) {
        return Err(too_large);
    }
    tokio::time::timeout(time, gather(body, limit, held)).await.unwrap_or(Err(BodyError::Slow(time)))
}

async fn gather<B>(body: &mut B, limit: usize, held: &mut Held) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    // Most bodies are one piece, which needs no copy.
    let mut first = Bytes::new();
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BodyError::Broken(format!("the body broke off: {error}")))?;
        let Ok(piece) = frame.into_data() else { continue };
        let length = first.len() + whole.len() + piece.len();
        if length > limit {
            return Err(BodyError::TooLarge { limit, compressed: false });
        }
        held.grow(piece.len())?;
        if length == piece.len() {
            first = piece;
            continue;
        }
        if whole.is_empty() {
            whole.extend_from_slice(&std::mem::take(&mut first));
        }
        whole.extend_from_slice(&piece);
    }
    let body = if whole.is_empty() { first } else { whole.into() };
    if body.is_empty() {
        return Err(BodyError::Broken("the request has no body, or its head does not announce one".to_owned()));
    }
    Ok(body)
}

/// Decompresses a body, at most to `limit` bytes: a bomb is cut there, not expanded. Needs the CPU.
///
/// # Errors
/// [`BodyError::TooLarge`], [`BodyError::Broken`], [`BodyError::Full`].
pub fn decompress(encoding: Encoding, body: Bytes, limit: usize, held: &mut Held) -> Result<Bytes, BodyError> {
    match encoding {
        Encoding::Identity => Ok(body),
        Encoding::Gzip => expand(MultiGzDecoder::new(&body[..]), limit, held),
        Encoding::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(&body[..]).and_then(|mut decoder| {
                // Level 19 needs 2^23; more would let 100 bytes ask for 128 MiB.
                decoder.window_log_max(23)?;
                Ok(decoder)
            });
            expand(decoder.map_err(broken)?, limit, held)
        }
    }
}

fn broken(error: io::Error) -> BodyError {
    BodyError::Broken(format!("the compressed body is broken: {error}"))
}

fn expand(mut decoder: impl Read, limit: usize, held: &mut Held) -> Result<Bytes, BodyError> {
    let mut piece = [0_u8; 16 * 1024];
    let mut whole: Vec<u8> = Vec::new();
    loop {
        let read = match decoder.read(&mut piece) {
            Ok(0) => return Ok(whole.into()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken(error)),
        };
        let length = whole.len() + read;
        if length > limit {
            return Err(BodyError::TooLarge { limit, compressed: true });
        }
        if length > whole.capacity() {
            let capacity = (whole.capacity() * 2).clamp(length, limit);
            held.grow(capacity - whole.capacity())?;
            whole.reserve_exact(capacity - whole.len());
        }
        whole.extend_from_slice(&piece[..read]);
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, io::Write as _, sync::Arc};

    use flate2::{Compression, write::GzEncoder};
    use futures_util::stream;
    use http_body_util::{Full as Whole, StreamBody};
    use hyper::body::Frame;

    use super::*;
    use crate::{admission::Admission, settings::AdmissionSettings};

    const LONG: Duration = Duration::from_secs(20);

    fn admission(bytes: usize) -> Arc<Admission> {
        Arc::new(Admission::new(&AdmissionSettings {
            max_requests_in_flight: 10,
            max_bytes_in_flight: bytes,
            documents_per_second: None,
            retry_after_seconds: 10,
        }))
    }

    fn gzip(data: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap().into()
    }

    fn zstd(data: &[u8]) -> Bytes {
        zstd::encode_all(data, 19).unwrap().into()
    }

    fn pieces(pieces: &'static [&'static str]) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        StreamBody::new(stream::iter(pieces.iter().map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))))))
    }

    #[tokio::test]
    async fn a_body_in_pieces_is_put_together_and_held() {
        let admission = admission(100);
        let mut held = admission.hold();
        let body = read(&mut pieces(&["re", "cei", "pt"]), 7, LONG, &mut held).await;
        assert_eq!(body.unwrap(), "receipt");
        assert_eq!(admission.bytes_in_flight(), 7);
        drop(held);
        assert_eq!(admission.bytes_in_flight(), 0);
    }

    #[tokio::test]
    async fn a_body_above_the_bound_is_refused_announced_or_not() {
        let admission = admission(100);
        let too_large = Err(BodyError::TooLarge { limit: 6, compressed: false });
        assert_eq!(read(&mut pieces(&["re", "cei", "pt"]), 6, LONG, &mut admission.hold()).await, too_large);
        let mut announced = Whole::new(Bytes::from_static(b"receipt"));
        assert_eq!(read(&mut announced, 6, LONG, &mut admission.hold()).await, too_large);
        assert_eq!(admission.bytes_in_flight(), 0);
    }

    #[tokio::test]
    async fn a_request_without_a_body_is_no_document() {
        let result = read(&mut Whole::new(Bytes::new()), 6, LONG, &mut admission(5).hold()).await;
        assert!(matches!(result, Err(BodyError::Broken(_))), "{result:?}");
    }

    #[tokio::test]
    async fn a_body_that_never_comes_is_given_up() {
        let mut body = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
        let time = Duration::from_millis(5);
        assert_eq!(read(&mut body, 6, time, &mut admission(100).hold()).await, Err(BodyError::Slow(time)));
    }

    #[tokio::test]
    async fn a_hub_without_room_says_so_in_the_middle_of_a_body() {
        let result = read(&mut pieces(&["re", "cei", "pt"]), 100, LONG, &mut admission(5).hold()).await;
        assert_eq!(result, Err(BodyError::Full(Full)));
    }

    #[test]
    fn both_compressions_are_undone() {
        let text = "чек ".repeat(50_000);
        for (encoding, body) in [(Encoding::Gzip, gzip(text.as_bytes())), (Encoding::Zstd, zstd(text.as_bytes()))] {
            let admission = admission(1_000_000);
            let mut held = admission.hold();
            assert_eq!(decompress(encoding, body, 1_000_000, &mut held).unwrap(), text, "{encoding:?}");
            assert!(held.bytes() >= text.len());
        }
    }

    #[test]
    fn a_body_of_several_members_is_read_to_its_end() {
        let gzipped = [gzip(b"first, "), gzip(b"second")].concat();
        let zstandard = [zstd(b"first, "), zstd(b"second")].concat();
        for (encoding, body) in [(Encoding::Gzip, gzipped.into()), (Encoding::Zstd, zstandard.into())] {
            assert_eq!(decompress(encoding, body, 100, &mut admission(100).hold()).unwrap(), "first, second");
        }
    }

    #[test]
    fn a_bomb_is_cut_at_the_bound() {
        let zeros = vec![0; 50_000_000];
        for (encoding, bomb) in [(Encoding::Gzip, gzip(&zeros)), (Encoding::Zstd, zstd(&zeros))] {
            let admission = admission(10_000_000);
            let mut held = admission.hold();
            let result = decompress(encoding, bomb, 1_000_000, &mut held);
            assert_eq!(result, Err(BodyError::TooLarge { limit: 1_000_000, compressed: true }), "{encoding:?}");
            assert!(held.bytes() <= 1_000_000, "{encoding:?}: held {}", held.bytes());
        }
    }

    #[test]
    fn a_window_that_asks_for_too_much_memory_is_refused() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(27).unwrap();
        encoder.write_all(&[7; 1_000]).unwrap();
        let body = encoder.finish().unwrap().into();
        let result = decompress(Encoding::Zstd, body, 1_000_000, &mut admission(1_000_000).hold());
        assert!(matches!(result, Err(BodyError::Broken(_))), "{result:?}");
    }

    #[test]
    fn a_cut_or_broken_body_is_not_taken_for_whole() {
        for (encoding, whole) in
            [(Encoding::Gzip, gzip(b"a receipt of some length")), (Encoding::Zstd, zstd(b"a receipt of some length"))]
        {
            for broken in [whole.slice(..whole.len() - 3), Bytes::from_static(b"not compressed at all")] {
                let result = decompress(encoding, broken, 1_000, &mut admission(1_000).hold());
                assert!(matches!(result, Err(BodyError::Broken(_))), "{encoding:?}: {result:?}");
            }
        }
    }

    #[test]
    fn encodings_are_known_by_their_names() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_ENCODING, value.parse().unwrap());
            Encoding::of(&headers)
        };
        assert_eq!(Encoding::of(&HeaderMap::new()), Some(Encoding::Identity));
        assert_eq!(
            [of("identity"), of("GZIP"), of("zstd")],
            [Some(Encoding::Identity), Some(Encoding::Gzip), Some(Encoding::Zstd)]
        );
        assert_eq!([of("br"), of("gzip, gzip")], [None, None]);
        for (value, known) in [("Chunked", Some(Encoding::Identity)), ("gzip, chunked", None)] {
            let headers = HeaderMap::from_iter([(TRANSFER_ENCODING, value.parse().unwrap())]);
            assert_eq!(Encoding::of(&headers), known, "{value}");
        }
    }
}
