package enginetest

import (
	"errors"
	"fmt"
)

// scope is what an expression can read: the action, the records beside it, the
// predicates, and the variables of the loops around it.
type scope struct {
	action     record
	records    map[string]map[string]any
	predicates map[string]func() bool
	variables  []variable
}

type variable struct {
	name  string
	value any
}

// read returns what a name stands for, the innermost variable first.
func (s *scope) read(name string) (any, error) {
	for i := len(s.variables) - 1; i >= 0; i-- {
		if s.variables[i].name == name {
			return s.variables[i].value, nil
		}
	}
	return s.root(name)
}

// root returns what a name stands for outside of all loops.
func (s *scope) root(name string) (any, error) {
	if r, ok := s.records[name]; ok {
		return r, nil
	}
	return s.action.get(name)
}

// with evaluates a node with one variable more.
func (s *scope) with(name string, value any, n *node) (any, error) {
	s.variables = append(s.variables, variable{name, value})
	defer func() { s.variables = s.variables[:len(s.variables)-1] }()
	return s.eval(n)
}

// truth evaluates a whole expression, which has to be true or false.
func (s *scope) truth(n *node) (bool, error) {
	v, err := s.eval(n)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, errNoOverload
	}
	return b, nil
}

// eval evaluates a node. An error is CEL's third outcome: the expression has
// no value.
func (s *scope) eval(n *node) (any, error) {
	switch n.kind {
	case nodeLiteral:
		return n.value, nil
	case nodeName:
		if n.rooted {
			return s.root(n.name)
		}
		return s.read(n.name)
	case nodeSelect:
		return s.evalSelect(n)
	case nodeHas:
		return s.evalHas(n)
	case nodeBinary:
		if n.name == "&&" || n.name == "||" {
			return s.evalLogic(n)
		}
	case nodeChoice:
		condition, err := s.truth(n.kids[0])
		if err != nil {
			return nil, err
		}
		if condition {
			return s.eval(n.kids[1])
		}
		return s.eval(n.kids[2])
	case nodeMacro:
		return s.evalMacro(n)
	}
	args, err := s.evalAll(n.kids)
	if err != nil {
		return nil, err
	}
	switch n.kind {
	case nodeIndex:
		return index(args[0], args[1])
	case nodeUnary:
		return unary(n.name, args[0])
	case nodeBinary:
		return binary(n.name, args[0], args[1])
	case nodeList:
		return args, nil
	case nodeMap:
		return literalMap(args)
	case nodeCall:
		if predicate, ok := s.predicates[n.name]; ok && len(args) == 0 {
			return predicate(), nil
		}
		return functions[n.name].call(args)
	}
	return nil, unsupported{fmt.Sprintf("node %d", n.kind)}
}

func (s *scope) evalAll(nodes []*node) ([]any, error) {
	values := make([]any, len(nodes))
	for i, n := range nodes {
		v, err := s.eval(n)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

func (s *scope) evalSelect(n *node) (any, error) {
	v, err := s.eval(n.kids[0])
	if err != nil {
		return nil, err
	}
	switch of := v.(type) {
	case record:
		return of.get(n.name)
	case map[string]any, dict:
		if v, ok := lookup(of, n.name); ok {
			return v, nil
		}
		return nil, fmt.Errorf("no such key: %s", n.name)
	}
	return nil, errNoOverload
}

func (s *scope) evalHas(n *node) (any, error) {
	if len(n.kids) == 0 {
		return s.action.has(n.name)
	}
	v, err := s.eval(n.kids[0])
	if err != nil {
		return nil, err
	}
	switch of := v.(type) {
	case record:
		return of.has(n.name)
	case map[string]any, dict:
		_, ok := lookup(of, n.name)
		return ok, nil
	case []any:
		return nil, errNoOverload
	}
	return false, nil // errors follow cel-go: what is no container has no field
}

// evalLogic decides && and ||, which are commutative: one side that decides is
// enough, whatever is wrong with the other.
func (s *scope) evalLogic(n *node) (any, error) {
	decisive := n.name == "||"
	left, leftErr := s.truth(n.kids[0])
	if isUnsupported(leftErr) || leftErr == nil && left == decisive {
		return left, leftErr
	}
	right, rightErr := s.truth(n.kids[1])
	if isUnsupported(rightErr) || rightErr == nil && right == decisive {
		return right, rightErr
	}
	if leftErr != nil {
		return nil, leftErr
	}
	return right, rightErr
}

func isUnsupported(err error) bool {
	var u unsupported
	return errors.As(err, &u)
}

func index(of, at any) (any, error) {
	switch of := of.(type) {
	case []any:
		i, ok := at.(int64)
		if !ok {
			return nil, unsupported{fmt.Sprintf("%T as an index", at)}
		}
		if i < 0 || i >= int64(len(of)) {
			return nil, errors.New("index out of range")
		}
		return of[i], nil
	case map[string]any, dict:
		if v, ok := lookup(of, at); ok {
			return v, nil
		}
		return nil, errors.New("no such key")
	}
	return nil, errNoOverload
}

func literalMap(args []any) (any, error) {
	m := dict{}
	for i := 0; i < len(args); i += 2 {
		switch args[i].(type) {
		case bool, int64, string:
		default:
			return nil, unsupported{fmt.Sprintf("%T as a key", args[i])}
		}
		if _, twice := m[args[i]]; twice {
			return nil, errors.New("a key stands twice in a map")
		}
		m[args[i]] = args[i+1]
	}
	return m, nil
}

// evalMacro runs a loop over the elements of a list or the keys of a map.
func (s *scope) evalMacro(n *node) (any, error) {
	over, err := s.eval(n.kids[0])
	if err != nil {
		return nil, err
	}
	elements, ok := elementsOf(over)
	if !ok {
		return nil, errNoOverload
	}
	switch n.name {
	case "all", "exists":
		return s.loopLogic(n, elements, n.name == "exists")
	case "exists_one", "existsOne":
		found, err := s.filter(n, elements)
		return len(found) == 1, err
	case "filter":
		return listOf(s.filter(n, elements))
	}
	if len(n.kids) == 3 {
		if elements, err = s.filter(n, elements); err != nil {
			return nil, err
		}
	}
	mapped := []any{}
	for _, element := range elements {
		v, err := s.with(n.variable, element, n.kids[len(n.kids)-1])
		if err != nil {
			return nil, err
		}
		mapped = append(mapped, v)
	}
	return mapped, nil
}

// elementsOf returns what a loop goes over.
func elementsOf(over any) ([]any, bool) {
	if list, ok := over.([]any); ok {
		return list, true
	}
	return keysOf(over)
}

func listOf(elements []any, err error) (any, error) { return elements, err }

// loopLogic is && or || over all elements, and as commutative.
func (s *scope) loopLogic(n *node, elements []any, decisive bool) (any, error) {
	var failed error
	for _, element := range elements {
		v, err := s.with(n.variable, element, n.kids[1])
		if isUnsupported(err) {
			return nil, err
		}
		b, ok := v.(bool)
		if err == nil && !ok {
			err = errNoOverload
		}
		if err == nil && b == decisive {
			return decisive, nil
		}
		if err != nil && failed == nil {
			failed = err
		}
	}
	return !decisive, failed
}

// filter returns the elements for which the predicate is true. One that fails
// fails the whole.
func (s *scope) filter(n *node, elements []any) ([]any, error) {
	found := []any{}
	for _, element := range elements {
		v, err := s.with(n.variable, element, n.kids[1])
		if err != nil {
			return nil, err
		}
		keep, ok := v.(bool)
		if !ok {
			return nil, errNoOverload
		}
		if keep {
			found = append(found, element)
		}
	}
	return found, nil
}
