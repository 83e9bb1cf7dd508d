package decode

// What tests compare the scanner with: the general decoder on its own.
var (
	GeneralAction = generalAction
	GeneralBatch  = generalBatch
)

// Scans reports whether the scanner reads the action by itself.
func Scans(data []byte) bool {
	return new(Decoder).scanAction(string(data), data) != nil
}

// ScansBatch reports whether the scanner reads the batch by itself.
func ScansBatch(data []byte) bool {
	_, _, ok := new(Decoder).scanBatch(string(data), data, 0)
	return ok
}

// Room returns the most elements that a decoder has memory for in any one of
// its lists.
func Room(d *Decoder) int {
	a := &d.scanner.arena
	return max(cap(d.actions), cap(a.strings), cap(a.flags), cap(a.wholes), cap(a.lists), cap(a.maps), cap(a.gathered),
		cap(a.objects.action.more), cap(a.objects.data.more), cap(a.objects.contentFinding))
}
