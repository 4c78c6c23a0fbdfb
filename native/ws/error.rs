//! Every reason to refuse a frame or a handshake, as a value with a fixed text. No text ever quotes what was received.

/// Why the bytes of one direction cannot be followed further. Both sides are dropped with
/// [`CloseCode::ProtocolError`](super::CloseCode::ProtocolError).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameError {
    /// 3 to 7 or 11 to 15 (RFC 6455 section 5.2).
    Opcode,
    /// A control frame that is not its message's last (section 5.5).
    ControlFragmented,
    /// A control frame of more than [`MAX_CONTROL_PAYLOAD`](super::MAX_CONTROL_PAYLOAD) bytes (section 5.5).
    ControlTooLong,
    /// A close frame with half a code (section 5.5.1).
    CloseCode,
    /// A continuation while no message is open (section 5.4).
    Continuation,
    /// A new message before the end of the one that is open (section 5.4).
    MessageOpen,
    /// A client's frame without a mask (section 5.1).
    Unmasked,
    /// An upstream's frame with a mask (section 5.1).
    Masked,
    /// A length in more bytes than it needs (section 5.2).
    LengthNotMinimal,
    /// A length with its highest bit set (section 5.2).
    LengthTooLarge,
    /// Bytes behind the close frame (section 5.5.1).
    AfterClose,
}

impl FrameError {
    /// One stable sentence part in English, without a final stop.
    pub fn detail(self) -> &'static str {
        match self {
            FrameError::Opcode => "the opcode is reserved",
            FrameError::ControlFragmented => "a control frame is fragmented",
            FrameError::ControlTooLong => "a control frame is longer than 125 bytes",
            FrameError::CloseCode => "a close frame holds half a code",
            FrameError::Continuation => "a continuation frame continues nothing",
            FrameError::MessageOpen => "a message begins before the last one ended",
            FrameError::Unmasked => "a frame of the client is not masked",
            FrameError::Masked => "a frame of the upstream is masked",
            FrameError::LengthNotMinimal => "a frame length takes more bytes than it needs",
            FrameError::LengthTooLarge => "a frame length is too large",
            FrameError::AfterClose => "bytes follow the close frame",
        }
    }
}

/// Why a request does not open a WebSocket, or a 101 does not answer it. A request gets 400 (426 with
/// `Sec-WebSocket-Version: 13` for [`HandshakeError::Version`]), for an upstream's fault the client gets 502.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandshakeError {
    /// `Upgrade` is not `websocket`.
    Upgrade,
    /// `Connection` does not name `Upgrade`.
    Connection,
    /// `Connection` names a field of the handshake, which would then be lost on the way.
    ConnectionNominates,
    /// `Sec-WebSocket-Version` is not one field that says 13.
    Version,
    /// `Sec-WebSocket-Key` is not one field with 16 bytes in base64.
    Key,
    /// `Sec-WebSocket-Accept` is not one field with the answer to the key.
    Accept,
    /// `Sec-WebSocket-Extensions` is malformed, or the 101 has one that was not offered.
    Extension,
    /// `Sec-WebSocket-Protocol` is malformed, or the 101 has more than one or one that was not offered.
    Protocol,
}

impl HandshakeError {
    /// One stable sentence part in English, without a final stop.
    pub fn detail(self) -> &'static str {
        match self {
            HandshakeError::Upgrade => "Upgrade is not websocket",
            HandshakeError::Connection => "Connection does not name Upgrade",
            HandshakeError::ConnectionNominates => "Connection names a field of the WebSocket handshake",
            HandshakeError::Version => "Sec-WebSocket-Version is not 13",
            HandshakeError::Key => "Sec-WebSocket-Key is invalid",
            HandshakeError::Accept => "Sec-WebSocket-Accept does not answer the key",
            HandshakeError::Extension => "a WebSocket extension is malformed or was not offered",
            HandshakeError::Protocol => "a WebSocket subprotocol is malformed or was not offered",
        }
    }
}

display_detail!(FrameError, HandshakeError);
