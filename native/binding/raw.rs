//! Reads arguments and makes values with plain Node-API calls; the only job is to be thin and never to panic.

use napi::sys;
use std::ffi::c_void;
use std::ptr::null_mut;

pub type Value = sys::napi_value;

/// The arguments of a call; those not given are `undefined`.
///
/// # Safety
/// `env` and `info` are those that Node-API handed to the running callback.
pub unsafe fn arguments<const N: usize>(env: sys::napi_env, info: sys::napi_callback_info) -> [Value; N] {
    let mut values = [null_mut(); N];
    let mut count = N;
    // SAFETY: the caller passes live handles; `values` has room for `count` of them.
    unsafe { sys::napi_get_cb_info(env, info, &mut count, values.as_mut_ptr(), null_mut(), null_mut()) };
    values
}

/// A number as u32; 0 when it is none.
///
/// # Safety
/// `env` and `value` are live in the running callback.
pub unsafe fn number(env: sys::napi_env, value: Value) -> u32 {
    let mut out = 0;
    // SAFETY: `out` outlives the call.
    unsafe { sys::napi_get_value_uint32(env, value, &mut out) };
    out
}

/// A whole number from 0 on; none when it is negative or no number.
///
/// # Safety
/// As for [`number`].
pub unsafe fn count(env: sys::napi_env, value: Value) -> Option<u64> {
    let mut out = -1;
    // SAFETY: `out` outlives the call.
    unsafe { sys::napi_get_value_int64(env, value, &mut out) };
    u64::try_from(out).ok()
}

/// A boolean; false when it is none.
///
/// # Safety
/// As for [`number`].
pub unsafe fn boolean(env: sys::napi_env, value: Value) -> bool {
    let mut out = false;
    // SAFETY: `out` outlives the call.
    unsafe { sys::napi_get_value_bool(env, value, &mut out) };
    out
}

/// Reads a string as UTF-8 into `out` and returns its length; a longer one is cut at `out.len() - 1`.
/// Never latin1: that would silently turn U+0141 into `A`.
///
/// # Safety
/// As for [`number`].
pub unsafe fn text(env: sys::napi_env, value: Value, out: &mut [u8]) -> usize {
    let mut length = 0;
    // SAFETY: `out` is writable for its whole length, which is what the call is told.
    let status = unsafe {
        sys::napi_get_value_string_utf8(env, value, out.as_mut_ptr().cast(), out.len(), &mut length)
    };
    if status == sys::Status::napi_ok { length } else { 0 }
}

/// The bytes of an ArrayBuffer or typed array. The slice must not be kept beyond the running callback.
///
/// # Safety
/// As for [`number`]; no JavaScript runs while the slice is used, so the memory can neither move nor be detached.
pub unsafe fn bytes<'a>(env: sys::napi_env, value: Value) -> &'a [u8] {
    let mut data: *mut c_void = null_mut();
    let mut length = 0;
    let mut is_buffer = false;
    // SAFETY: out-pointers outlive the calls.
    unsafe {
        sys::napi_is_arraybuffer(env, value, &mut is_buffer);
        let status = if is_buffer {
            sys::napi_get_arraybuffer_info(env, value, &mut data, &mut length)
        } else {
            typed_array(env, value, &mut data, &mut length)
        };
        if status != sys::Status::napi_ok || data.is_null() || length == 0 {
            return &[];
        }
        std::slice::from_raw_parts(data.cast::<u8>(), length)
    }
}

/// A string as UTF-8 in `scratch`, or the bytes of a typed array; a string over the scratch is cut.
///
/// # Safety
/// As for [`bytes`].
pub unsafe fn text_or_bytes(env: sys::napi_env, value: Value, scratch: &mut [u8]) -> &[u8] {
    let mut length = 0;
    // SAFETY: as in `text`; one call tells strings from everything else.
    unsafe {
        let status = sys::napi_get_value_string_utf8(
            env,
            value,
            scratch.as_mut_ptr().cast(),
            scratch.len(),
            &mut length,
        );
        if status == sys::Status::napi_ok { &scratch[..length] } else { bytes(env, value) }
    }
}

/// # Safety
/// As for [`bytes`].
unsafe fn typed_array(
    env: sys::napi_env,
    value: Value,
    data: &mut *mut c_void,
    length: &mut usize,
) -> sys::napi_status {
    let mut kind = 0;
    // SAFETY: out-pointers outlive the call; only byte arrays are accepted, so `length` counts bytes.
    let status =
        unsafe { sys::napi_get_typedarray_info(env, value, &mut kind, length, data, null_mut(), null_mut()) };
    let is_bytes = kind == sys::TypedarrayType::uint8_array;
    if is_bytes { status } else { sys::Status::napi_invalid_arg }
}

/// A fresh ArrayBuffer with a copy of `data`.
///
/// # Safety
/// `env` is live in the running callback.
pub unsafe fn from_bytes(env: sys::napi_env, data: &[u8]) -> Value {
    let (mut memory, mut buffer) = (null_mut(), null_mut());
    // SAFETY: the new memory has room for exactly the bytes that are copied.
    unsafe {
        if sys::napi_create_arraybuffer(env, data.len(), &mut memory, &mut buffer) == sys::Status::napi_ok
            && !data.is_empty()
        {
            std::ptr::copy_nonoverlapping(data.as_ptr(), memory.cast(), data.len());
        }
    }
    buffer
}

/// # Safety
/// `env` is live in the running callback.
pub unsafe fn from_u32(env: sys::napi_env, value: u32) -> Value {
    let mut out = null_mut();
    // SAFETY: `out` outlives the call.
    unsafe { sys::napi_create_uint32(env, value, &mut out) };
    out
}

/// # Safety
/// `env` is live in the running callback.
pub unsafe fn from_i32(env: sys::napi_env, value: i32) -> Value {
    let mut out = null_mut();
    // SAFETY: `out` outlives the call.
    unsafe { sys::napi_create_int32(env, value, &mut out) };
    out
}

/// A string of bytes read as UTF-8; `null` when there is none.
///
/// # Safety
/// `env` is live in the running callback.
pub unsafe fn from_text(env: sys::napi_env, value: Option<&[u8]>) -> Value {
    let mut out = null_mut();
    // SAFETY: the slice is readable for its length; Node-API replaces what is not UTF-8.
    unsafe {
        match value {
            Some(text) => {
                sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len() as isize, &mut out)
            }
            None => sys::napi_get_null(env, &mut out),
        };
    }
    out
}
