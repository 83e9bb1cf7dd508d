package lower

// Truth is the value of a boolean term: CEL's true, false or error, as in
// Kleene's strong logic.
type Truth uint8

// The truth values.
const (
	False Truth = iota
	True
	Error
)

// String returns CEL's word: true, false or error.
func (v Truth) String() string {
	switch v {
	case True:
		return "true"
	case False:
		return "false"
	}
	return "error"
}

// TruthOf is a boolean's truth value.
func TruthOf(b bool) Truth {
	if b {
		return True
	}
	return False
}

func (v Truth) not() Truth {
	switch v {
	case True:
		return False
	case False:
		return True
	}
	return Error
}

// decides reports whether what one element of a loop answers decides the loop,
// whose outcome it is then. An element's error is the outcome if no other decides.
func (v Truth) decides(answer Truth, outcome *Truth) bool {
	if answer == v || answer == Error {
		*outcome = answer
	}
	return answer == v
}

// and is the conjunction: false wins over an error.
func (v Truth) and(w Truth) Truth {
	switch {
	case v == False || w == False:
		return False
	case v == Error || w == Error:
		return Error
	}
	return True
}

// or is the disjunction: true wins over an error.
func (v Truth) or(w Truth) Truth {
	switch {
	case v == True || w == True:
		return True
	case v == Error || w == Error:
		return Error
	}
	return False
}
