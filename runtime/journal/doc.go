// Package journal is a runtime's durable record of what it decided.
//
// [Open] locks a directory and repairs what a crash left in it. [Journal.Append]
// returns once its records are on disk; appenders that wait at the same time
// share one fsync (group commit). Records are numbered from 1 without a gap;
// the numbers belong to the journal's random id, so a replaced disk cannot
// reuse them. Readers follow with [Journal.Read] and [Journal.Wait] and keep
// their place in a durable [Cursor]: what every cursor has passed may be
// removed, nothing else ever is.
//
// A record that cannot be written is not written later: its appender gets an
// error and the loss is counted. The first record after writing works again is
// a [mesh.Gap] with the counts, so that evidence never looks complete where it
// is not. The journal gets there by itself: it goes back to the last record
// that was acknowledged, verifies and tries again.
//
// Segments are those of github.com/tidwall/wal. Each entry is framed here with
// its sequence, its commit group and a CRC-32C, because the library's own
// format cannot tell a torn tail, which is normal after a crash, from
// corruption, which is not.
//
// The package does not know what a record says, except for the gap it writes
// itself, and it does not send records anywhere.
package journal
