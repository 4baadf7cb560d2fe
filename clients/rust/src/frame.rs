//! The bytes of a unary call: one frame of five bytes of header (a flag, then the length) and one message.

use bytes::{BufMut, Bytes, BytesMut};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use uuid::Uuid;

/// Length of a frame's header.
const HEADER: usize = 5;

/// The frame with a `request_id` for the case that the caller gave none. The field goes first: of a field that is there
/// twice the later one counts, and an empty one is not encoded at all. So the caller's own id wins without a look inside.
///
/// A frame that is compressed or not whole is returned as it is.
pub(crate) fn with_default_request_id(frame: Bytes, field: u32, id: Uuid) -> Bytes {
    let whole = frame.len() >= HEADER
        && frame[0] == 0
        && u32::from_be_bytes([frame[1], frame[2], frame[3], frame[4]]) as usize == frame.len() - HEADER;
    let id = id.hyphenated().to_string();
    let added = key_len(field) + encoded_len_varint(id.len() as u64) + id.len();
    let Some(length) = u32::try_from(frame.len() - HEADER.min(frame.len()) + added).ok().filter(|_| whole) else {
        return frame;
    };
    let mut longer = BytesMut::with_capacity(frame.len() + added);
    longer.put_u8(0);
    longer.put_u32(length);
    encode_key(field, WireType::LengthDelimited, &mut longer);
    encode_varint(id.len() as u64, &mut longer);
    longer.put_slice(id.as_bytes());
    longer.put_slice(&frame[HEADER..]);
    longer.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flagstone_api::pb::CancelRequestRequest;
    use prost::Message;

    fn frame(message: &impl Message) -> Bytes {
        let body = message.encode_to_vec();
        let mut frame = BytesMut::new();
        frame.put_u8(0);
        frame.put_u32(body.len() as u32);
        frame.put_slice(&body);
        frame.freeze()
    }

    fn read(frame: &Bytes) -> CancelRequestRequest {
        assert_eq!(u32::from_be_bytes(frame[1..5].try_into().unwrap()) as usize, frame.len() - HEADER);
        CancelRequestRequest::decode(&frame[HEADER..]).unwrap()
    }

    #[test]
    fn an_empty_id_is_filled_in() {
        let sent = CancelRequestRequest { name: "businessUnits/a/requests/R-1".into(), ..Default::default() };
        let id = Uuid::new_v4();
        let got = read(&with_default_request_id(frame(&sent), 4, id));
        assert_eq!(got, CancelRequestRequest { request_id: id.to_string(), ..sent });
    }

    #[test]
    fn an_id_of_the_caller_stays() {
        let sent = CancelRequestRequest { request_id: "mine".into(), reason: "typo".into(), ..Default::default() };
        assert_eq!(read(&with_default_request_id(frame(&sent), 4, Uuid::new_v4())), sent);
    }

    #[test]
    fn what_is_not_one_plain_frame_is_left_alone() {
        for odd in [&b""[..], &[0, 0], &[1, 0, 0, 0, 1, 7], &[0, 0, 0, 0, 9, 7]] {
            let odd = Bytes::copy_from_slice(odd);
            assert_eq!(with_default_request_id(odd.clone(), 4, Uuid::new_v4()), odd);
        }
    }
}
