// Package auditlog is the cryptography of evidence: what a runtime signs when
// it reports a run of journal records, and what the hub checks before it
// stores them.
//
// A batch is bound by one signature instead of one per record. [Root] makes
// the RFC 6962 Merkle tree hash over the records' own bytes; [SignBatch] signs
// a header that names the runtime, the journal, the first sequence number, the
// number of records and that root; [VerifyBatch] checks all of it. Because the
// root is a tree hash, one record can later be proved to be part of a signed
// batch without showing the others.
//
// The package works on parameters, not on wire documents, so that runtime and
// hub share it without sharing more. It keeps no state, does no I/O and does
// not look into records: whether their content makes sense is for the reader.
package auditlog
