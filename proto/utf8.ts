/**
 * Text of the wire format. Protobuf strings are exactly UTF-8: a byte order mark is part of the
 * text, and bad bytes are not replaced but refused, since other readers would refuse them later.
 */

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Up to this length, putting the characters together is faster than calling the decoder. */
const shortTextMax = 16;

/** The text in a range of `buf`; undefined when it is not UTF-8. */
export function decodeUtf8(
  buf: Uint8Array,
  start: number,
  end: number,
): string | undefined {
  if (end - start <= shortTextMax && isAscii(buf, start, end)) {
    let text = "";
    for (let i = start; i < end; i++) text += String.fromCharCode(buf[i]!);
    return text;
  }
  try {
    return decoder.decode(buf.subarray(start, end));
  } catch {
    return undefined;
  }
}

function isAscii(buf: Uint8Array, start: number, end: number): boolean {
  let bits = 0;
  for (let i = start; i < end; i++) bits |= buf[i]!;
  return bits < 128;
}
