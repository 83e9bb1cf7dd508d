package journal_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/runtime/journal"
)

// written makes a journal of three appends, the last of them of two records,
// and returns its directory, the path and the content of its only segment, and
// the length of the segment before the last append.
func written(t testing.TB) (dir, segment string, content []byte, synced int) {
	t.Helper()
	dir = t.TempDir()
	j := open(t, dir, journal.Options{})
	segment = filepath.Join(dir, "segments", "00000000000000000001")
	for i, texts := range [][]string{{"first"}, {"second"}, {"third", "fourth"}} {
		if i == 2 {
			before, err := os.ReadFile(segment)
			if err != nil {
				t.Fatal(err)
			}
			synced = len(before)
		}
		appendText(t, j, texts...)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	return dir, segment, content, synced
}

// TestTornTail cuts the last append at each of its bytes, as a crash may.
func TestTornTail(t *testing.T) {
	t.Parallel()
	dir, segment, content, synced := written(t)
	tails := map[string]func(cut int) []byte{
		"cut":             func(cut int) []byte { return content[:cut] },
		"zeros behind":    func(cut int) []byte { return append(bytes.Clone(content[:cut]), make([]byte, len(content)-cut)...) },
		"garbage behind":  func(cut int) []byte { return append(bytes.Clone(content[:cut]), "aMj\x01\xff\xff"...) },
		"one byte missed": func(cut int) []byte { c := bytes.Clone(content); c[cut] ^= 0x40; return c },
	}
	for name, damage := range tails {
		for cut := synced; cut < len(content); cut++ {
			if err := os.WriteFile(segment, damage(cut), 0o600); err != nil {
				t.Fatal(err)
			}
			j, err := journal.Open(dir, journal.Options{})
			if err != nil {
				t.Fatalf("%s at %d: %v", name, cut, err)
			}
			want := []string{"first", "second", "third", "fourth"}[:j.Status().LastSeq]
			got := readAll(t, j, 1)
			if len(got) < 2 || len(got) > 3 || !cmp.Equal(want, got) {
				t.Fatalf("%s at %d left %q", name, cut, got)
			}
			if j.Status().CutBytes == 0 && cut > synced && name != "cut" {
				t.Errorf("%s at %d: nothing was reported as cut off", name, cut)
			}
			if seq := appendText(t, j, "next"); seq != uint64(len(got)+1) {
				t.Errorf("%s at %d: the sequence goes on at %d behind %d records", name, cut, seq, len(got))
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestDamageInFrontOfSyncedRecordsIsAnError(t *testing.T) {
	t.Parallel()
	dir, segment, content, synced := written(t)
	for at := range synced {
		damaged := bytes.Clone(content)
		damaged[at] ^= 0x01
		if err := os.WriteFile(segment, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := journal.Open(dir, journal.Options{})
		if mesh.CodeOf(err) != mesh.CodeUnavailable || mesh.HintOf(err) == "" {
			t.Fatalf("with byte %d changed: %v, want an error that says what to do", at, err)
		}
		if after, err := os.ReadFile(segment); err != nil || !bytes.Equal(after, damaged) {
			t.Fatalf("with byte %d changed: refusing changed the file (%v)", at, err)
		}
	}
}

func TestDamageInAnEarlierSegment(t *testing.T) {
	t.Parallel()
	opts := journal.Options{SegmentBytes: 4 << 10}
	dir := t.TempDir()
	j := open(t, dir, opts)
	fill(t, j, 40)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	files := segmentFiles(t, dir)
	if err := os.Truncate(files[1], 100); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(dir, opts); mesh.CodeOf(err) != mesh.CodeUnavailable || mesh.HintOf(err) == "" {
		t.Errorf("unacknowledged records are damaged: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cursors.json"), []byte(`{"shipped":30,"evaluated":30}`), 0o600); err != nil {
		t.Fatal(err)
	}
	j = open(t, dir, opts)
	if first := j.Status().FirstSeq; first < 2 || first > 31 {
		t.Errorf("oldest record = %d, want the damaged acknowledged segments gone and the rest there", first)
	}
	if got := len(readAll(t, j, 31)); got != 10 {
		t.Errorf("%d of the 10 records that are not acknowledged are left", got)
	}
}

func TestMissingParts(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(dir, segment string) error{
		"the id":       func(dir, _ string) error { return os.Remove(filepath.Join(dir, "journal.json")) },
		"the segments": func(_, segment string) error { return os.Remove(segment) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, segment, _, _ := written(t)
			if err := os.WriteFile(filepath.Join(dir, "cursors.json"), []byte(`{"shipped":4,"evaluated":4}`), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := remove(dir, segment); err != nil {
				t.Fatal(err)
			}
			if _, err := journal.Open(dir, journal.Options{}); mesh.CodeOf(err) != mesh.CodeUnavailable || mesh.HintOf(err) == "" {
				t.Errorf("%v, want an error that says what to do", err)
			}
		})
	}
}

// FuzzOpen opens whatever stands in a segment. What opens must be readable and
// take records, and must be unchanged when it is opened again.
func FuzzOpen(f *testing.F) {
	_, _, content, synced := written(f)
	f.Add(content)
	f.Add(content[:synced])
	f.Add(content[:len(content)-3])
	f.Add([]byte{})
	f.Add(make([]byte, 64))
	f.Add(append(bytes.Clone(content), content...))
	f.Fuzz(func(t *testing.T, segment []byte) {
		dir := t.TempDir()
		j := open(t, dir, journal.Options{})
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "segments", "00000000000000000001"), segment, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := journal.Open(dir, journal.Options{})
		if err != nil {
			if mesh.HintOf(err) == "" {
				t.Fatalf("an error without a hint: %v", err)
			}
			return
		}
		before := readAll(t, j, 1)
		appendText(t, j, "next")
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		after := readAll(t, open(t, dir, journal.Options{}), 1)
		if diff := cmp.Diff(append(before, "next"), after); diff != "" {
			t.Errorf("records changed (-before +after):\n%s", diff)
		}
	})
}

func TestInspectChangesNothing(t *testing.T) {
	t.Parallel()
	dir, segment, content, _ := written(t)
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := j.Status()
	if _, err := journal.Inspect(dir); mesh.CodeOf(err) != mesh.CodeConflict {
		t.Errorf("while it is open: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := journal.Inspect(dir)
	if err != nil || got.ID != want.ID || got.FirstSeq != want.FirstSeq || got.LastSeq != want.LastSeq || got.Bytes != want.Bytes {
		t.Errorf("Inspect = %+v, %v, want %+v", got, err, want)
	}
	torn := append(bytes.Clone(content), 0xff, 0xff)
	if err := os.WriteFile(segment, torn, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err = journal.Inspect(dir); err != nil || got.CutBytes != 2 || got.LastSeq != want.LastSeq {
		t.Errorf("with a torn tail: %+v, %v", got, err)
	}
	if left, err := os.ReadFile(segment); err != nil || !bytes.Equal(left, torn) {
		t.Errorf("the torn tail was changed: %v", err)
	}
	content[len(content)/4] ^= 0x40
	if err := os.WriteFile(segment, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Inspect(dir); mesh.CodeOf(err) != mesh.CodeUnavailable {
		t.Errorf("damaged: %v", err)
	}
	if _, err := journal.Inspect(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("where there is none: %v", err)
	}
}
