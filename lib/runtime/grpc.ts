/**
 * grpc-js, guarded: the one importer of `@grpc/grpc-js` in this project. Whoever
 * serves or dials takes grpc-js from here, so that nobody can do so before the
 * guards stand.
 *
 * This is the exception to "only mod.ts re-exports": the re-export is what this
 * file is for. It gives nothing of ours a second name; it is the only door to a
 * foreign package that is unsafe on this runtime when entered any other way.
 */
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import { installHandshakeDeadlines } from "./handshake_deadlines.ts";
import { installHttp2Deadlines } from "./http2_deadlines.ts";
import { installHttp2ReleasedBuffers } from "./http2_released_buffers.ts";
import { installHttp2SessionGuard } from "./http2_session_guard.ts";
import { installHttp2Windows } from "./http2_windows.ts";
import { installHttp2WriteGathering } from "./http2_write_gathering.ts";
import { installHttp2WritePieces } from "./http2_write_pieces.ts";
import { installMessageOrderGuard } from "./message_order_guard.ts";

export * as grpc from "@grpc/grpc-js";

// grpc-js looks these functions up in node:http2 whenever it serves or dials,
// and no importer of this file runs before this line.
installHttp2SessionGuard();
installHttp2WriteGathering();
installHttp2WritePieces();
installHttp2ReleasedBuffers();
installHttp2Windows();
installHttp2Deadlines();
installHandshakeDeadlines();
installMessageOrderGuard();
// What it would print is in the errors that it gives: those are answered or logged once.
setLogVerbosity(logVerbosity.NONE);
