import type { ByteStream, Line } from '../carriers/carrier.js';
import { decodeReport, encodeRequest, REPORT_BYTES, type Request } from '../request.js';
import { ReplyReader } from './reply-reader.js';

export type Report = ReturnType<typeof decodeReport>;

export interface CountedStream {
  stream: ByteStream;
  /** The next report. */
  report(): Promise<Report>;
}

/** Resolves when the far end is there, so that opening is not measured with what follows. */
export async function openCounted(line: Line, request: Exclude<Request, { kind: 'echo' }>): Promise<CountedStream> {
  const stream = await line.open();
  const replies = new ReplyReader(stream);
  const report = async () => decodeReport(await replies.read(REPORT_BYTES));
  stream.write(encodeRequest(request));
  await report();
  return { stream, report };
}
