//! Reads one answer off a connection, in whatever pieces it comes. Only answers with a length are understood.

const MAX_HEAD: usize = 16 * 1024;

/// An answer that is being read.
#[derive(Default)]
pub struct Answer {
    /// What has come of a head that is not complete.
    head: Vec<u8>,
    /// Of an answer whose head is complete: its status, and bytes of the body that are to come.
    body: Option<(u16, u64)>,
}

/// The server said something that is no answer to one request.
#[derive(Debug)]
pub struct Malformed;

impl Answer {
    /// Takes the next bytes; the status when the answer is complete. Then it is ready for the next one.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Option<u16>, Malformed> {
        let (status, left, body) = match self.body.take() {
            Some((status, left)) => (status, left, bytes.len()),
            None if self.head.is_empty() => match parse(bytes)? {
                Some((status, length, head)) => (status, length, bytes.len() - head),
                None => {
                    self.head.extend_from_slice(bytes);
                    return Ok(None);
                }
            },
            None => {
                self.head.extend_from_slice(bytes);
                let Some((status, length, head)) = parse(&self.head)? else { return Ok(None) };
                let body = self.head.len() - head;
                self.head = Vec::new();
                (status, length, body)
            }
        };
        match left.checked_sub(body as u64) {
            Some(0) => Ok(Some(status)),
            Some(left) => {
                self.body = Some((status, left));
                Ok(None)
            }
            None => Err(Malformed),
        }
    }
}

/// Status, length of the body, length of the head.
fn parse(bytes: &[u8]) -> Result<Option<(u16, u64, usize)>, Malformed> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => return Ok(None),
        _ => return Err(Malformed),
    };
    let status = response.code.ok_or(Malformed)?;
    let length = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
    let length =
        length.and_then(|field| std::str::from_utf8(field.value).ok()?.parse().ok()).ok_or(Malformed)?;
    Ok(Some((status, length, head)))
}
