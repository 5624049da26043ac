package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	proofBytesMax = 96 << 20
	draftsMax     = 256
	factsMax      = 16
	recordsMax    = 500
	// {"actor":"<43 characters>", stands before the time that the log gives.
	atOffset = 55
)

var (
	day      = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
	currency = regexp.MustCompile(`^[A-Z]{3}$`)
	url64    = base64.RawURLEncoding.Strict()
)

// leafProof is an entry and its way up to a root.
type leafProof struct {
	Index     int64    `json:"index"`
	Bytes     string   `json:"bytes"`
	Inclusion []string `json:"inclusion"`
}

// signedLeaf is an entry with the one that signs for it.
type signedLeaf struct {
	leafProof
	Submission struct {
		leafProof
		DraftInclusion []string `json:"draftInclusion"`
	} `json:"submission"`
}

type openedFact struct {
	Leaf      string   `json:"leaf"`
	Index     int64    `json:"index"`
	Count     int64    `json:"count"`
	Inclusion []string `json:"inclusion"`
}

// claimFile is a proof file of a claim, or of expenses.
type claimFile struct {
	Format    string `json:"format"`
	Statement struct {
		Kind   string `json:"kind"`
		Handle string `json:"handle"`
	} `json:"statement"`
	Checkpoint   string     `json:"checkpoint"`
	Certificates []string   `json:"certificates"`
	Entry        signedLeaf `json:"entry"`
	Document     struct {
		Salt  string `json:"salt"`
		Bytes string `json:"bytes"`
	} `json:"document"`
	Records []struct {
		Entry signedLeaf   `json:"entry"`
		Facts []openedFact `json:"facts"`
	} `json:"records"`
}

// claimCheck is what a check has in hand once the checkpoint is good.
type claimCheck struct {
	tree   tlog.Tree
	origin string
	root   *x509.Certificate
	book   map[string]*x509.Certificate
	used   map[string]bool
}

// checkClaim checks a proof file offline, by the log's key and the root of the certificates alone, and returns what it
// proves, in lines.
func checkClaim(path, vkey, ca string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	file, err := readClaimFile(data)
	if err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	check := &claimCheck{origin: verifier.Name(), book: map[string]*x509.Certificate{}, used: map[string]bool{}}
	if check.tree, err = openCheckpoint([]byte(file.Checkpoint), verifier); err != nil {
		return nil, err
	}
	if err := check.readCertificates(file.Certificates, ca); err != nil {
		return nil, err
	}
	entry, err := check.signed(file.Entry)
	if err != nil {
		return nil, err
	}
	body := entry["body"].(map[string]any)
	if entry["type"] != "claim.attested" || body["handle"] != file.Statement.Handle {
		return nil, errors.New("the entry attests something else")
	}
	document, err := opened(file.Document.Salt, file.Document.Bytes, body["commitment"])
	if err != nil {
		return nil, err
	}
	facts := map[string]map[string]any{}
	for _, record := range file.Records {
		of, err := check.signed(record.Entry)
		if err != nil {
			return nil, err
		}
		body := of["body"].(map[string]any)
		handle, _ := body["handle"].(string)
		if of["type"] != "record.stored" || facts[handle] != nil || record.Entry.Index >= file.Entry.Index {
			return nil, errors.New("a record that is none, or there twice, or came later")
		}
		if facts[handle], err = openFacts(record.Facts, body["facts"]); err != nil {
			return nil, err
		}
	}
	var lines []string
	switch document["format"] {
	case "firebreak/claim/v1":
		lines, err = judgeClaim(document, facts)
	case "firebreak/expenses/v1":
		if len(facts) > 0 {
			return nil, errors.New("expenses open no record")
		}
		lines, err = judgeExpenses(document)
	default:
		err = errors.New("a document of another format")
	}
	if err == nil && len(check.used) != len(check.book) {
		err = errors.New("a certificate that nothing asks for")
	}
	return lines, err
}

func readClaimFile(data []byte) (file claimFile, err error) {
	if len(data) > proofBytesMax {
		return file, errors.New("too large")
	}
	if err := requireNamesOnce(data); err != nil {
		return file, err
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return file, err
	}
	// What is written anew is the same: no member is missing, unknown, or written in another case.
	again, err := json.Marshal(file)
	if err != nil {
		return file, err
	}
	var was, is any
	if json.Unmarshal(data, &was) != nil || json.Unmarshal(again, &is) != nil || !reflect.DeepEqual(was, is) {
		return file, errors.New("other members than a claim's proof has")
	}
	if file.Format != "firebreak/proof/v1" || file.Statement.Kind != "claim" || len(file.Records) > recordsMax {
		return file, errors.New("no proof of a claim")
	}
	return file, nil
}

func (c *claimCheck) readCertificates(ders []string, ca string) error {
	root, err := os.ReadFile(ca)
	if err != nil {
		return err
	}
	if block, _ := pem.Decode(root); block != nil {
		root = block.Bytes
	}
	if c.root, err = x509.ParseCertificate(root); err != nil {
		return err
	}
	if !c.root.IsCA || !isIssuedBy(c.root, c.root) {
		return errors.New("the root is no authority that signed itself")
	}
	for _, text := range ders {
		der, err := url64.DecodeString(text)
		if err != nil {
			return err
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		name := fingerprint(certificate)
		if c.book[name] != nil || len(certificate.UnhandledCriticalExtensions) > 0 {
			return errors.New("a certificate twice, or with an extension that is not known")
		}
		c.book[name] = certificate
	}
	return nil
}

// signed judges an entry: it is in the log, and its actor signed it as it stands.
func (c *claimCheck) signed(leaf signedLeaf) (map[string]any, error) {
	data, err := c.included(leaf.leafProof)
	if err != nil {
		return nil, err
	}
	entry, err := readEntry(data)
	if err != nil {
		return nil, err
	}
	signing, err := c.included(leaf.Submission.leafProof)
	if err != nil {
		return nil, err
	}
	submission, err := readEntry(signing)
	if err != nil {
		return nil, err
	}
	body := submission["body"].(map[string]any)
	count, _ := body["count"].(float64)
	place := leaf.Index - leaf.Submission.Index - 1
	isItsOwn := submission["type"] == "submission" && body["certificate"] == entry["actor"] &&
		submission["actor"] == entry["actor"] && body["origin"] == c.origin &&
		count >= 1 && count <= draftsMax && place >= 0 && place < int64(count)
	if !isItsOwn {
		return nil, errors.New("the submission is another entry's")
	}
	// The time is the sequencer's: what the actor signed is the entry without it.
	at := fmt.Sprintf(`"at":%d,`, int64(entry["at"].(float64)))
	if len(data) < atOffset+len(at) || string(data[atOffset:atOffset+len(at)]) != at {
		return nil, errors.New("an entry without its time")
	}
	draft := slices.Concat(data[:atOffset], data[atOffset+len(at):])
	root, err := hashIn(body["root"])
	if err != nil {
		return nil, err
	}
	if err := included(draft, place, int64(count), leaf.Submission.DraftInclusion, root); err != nil {
		return nil, err
	}
	key, err := c.certify(entry["actor"].(string), int64(submission["at"].(float64)))
	if err != nil {
		return nil, err
	}
	signature, err := url64.DecodeString(textOf(body["signature"]))
	if err != nil {
		return nil, err
	}
	var message bytes.Buffer
	message.WriteString("firebreak/submission/v1\n")
	said := map[string]any{"actor": entry["actor"], "count": count, "origin": c.origin, "root": body["root"]}
	if err := writeCanonical(&message, said); err != nil {
		return nil, err
	}
	if !ed25519.Verify(key, message.Bytes(), signature) {
		return nil, errors.New("the actor did not sign")
	}
	return entry, nil
}

func (c *claimCheck) included(leaf leafProof) ([]byte, error) {
	data, err := url64.DecodeString(leaf.Bytes)
	if err != nil {
		return nil, err
	}
	return data, included(data, leaf.Index, c.tree.N, leaf.Inclusion, c.tree.Hash)
}

// certify finds an actor's key: certified by an authority of the root, and all of them valid at a time in milliseconds.
func (c *claimCheck) certify(name string, at int64) (ed25519.PublicKey, error) {
	actor := c.book[name]
	if actor == nil {
		return nil, errors.New("the actor's certificate is missing")
	}
	issuing := actor
	if !actor.IsCA {
		issuing = nil
		for _, one := range c.book {
			if one.IsCA && isIssuedBy(actor, one) {
				issuing = one
			}
		}
	}
	if issuing == nil || !isIssuedBy(issuing, c.root) {
		return nil, errors.New("the actor's certificate is by no authority of the root")
	}
	for _, one := range []*x509.Certificate{actor, issuing, c.root} {
		// The last second is included whole.
		if at < one.NotBefore.UnixMilli() || at >= one.NotAfter.UnixMilli()+1000 {
			return nil, errors.New("a certificate was not valid then")
		}
	}
	if !actor.IsCA && actor.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return nil, errors.New("the actor's key is not for signing")
	}
	c.used[name], c.used[fingerprint(issuing)] = true, true
	key, ok := actor.PublicKey.(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("no key of Ed25519")
	}
	return key, nil
}

func isIssuedBy(certificate, by *x509.Certificate) bool {
	return certificate.SignatureAlgorithm == x509.PureEd25519 && by.IsCA &&
		by.KeyUsage&x509.KeyUsageCertSign != 0 && bytes.Equal(certificate.RawIssuer, by.RawSubject) &&
		by.CheckSignature(x509.PureEd25519, certificate.RawTBSCertificate, certificate.Signature) == nil
}

func fingerprint(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.Raw)
	return url64.EncodeToString(sum[:])
}

func readEntry(data []byte) (map[string]any, error) {
	entry, err := parseCanonical(data)
	if err != nil {
		return nil, err
	}
	_, hasBody := entry["body"].(map[string]any)
	_, hasActor := entry["actor"].(string)
	at, hasTime := entry["at"].(float64)
	isEntry := hasExactly(entry, "actor", "at", "body", "nonce", "tags", "type", "v") && hasBody && hasActor &&
		hasTime && at >= 0 && at == float64(int64(at)) && entry["v"] == 1.0
	if !isEntry {
		return nil, errors.New("no entry")
	}
	return entry, nil
}

// included checks that bytes are a leaf under a root of RFC 6962.
func included(data []byte, index, size int64, path []string, root tlog.Hash) error {
	proof := make(tlog.RecordProof, len(path))
	for i, text := range path {
		hash, err := hashIn(text)
		if err != nil {
			return err
		}
		proof[i] = hash
	}
	return tlog.CheckRecord(proof, size, root, index, tlog.RecordHash(data))
}

// opened is a document whose salted hash an entry holds.
func opened(salt, text string, commitment any) (map[string]any, error) {
	salted, err := hashIn(salt)
	if err != nil {
		return nil, err
	}
	data, err := url64.DecodeString(text)
	if err != nil {
		return nil, err
	}
	wanted, err := hashIn(commitment)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	if sha256.Sum256(slices.Concat(salted[:], sum[:])) != wanted {
		return nil, errors.New("the log commits to another document")
	}
	return parseCanonical(data)
}

func openFacts(facts []openedFact, root any) (map[string]any, error) {
	under, err := hashIn(root)
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	for _, fact := range facts {
		leaf, err := url64.DecodeString(fact.Leaf)
		if err != nil {
			return nil, err
		}
		if fact.Count > factsMax {
			return nil, errors.New("too many facts")
		}
		if err := included(leaf, fact.Index, fact.Count, fact.Inclusion, under); err != nil {
			return nil, err
		}
		one, err := parseCanonical(leaf)
		if err != nil {
			return nil, err
		}
		name := textOf(one["name"])
		_, isThere := values[name]
		if _, err := hashIn(one["salt"]); err != nil || !hasExactly(one, "name", "salt", "value") || name == "" || isThere {
			return nil, errors.New("no fact")
		}
		values[name] = one["value"]
	}
	return values, nil
}

// judgeClaim checks that the document does not contradict itself, and that each opened fact says what the claim says.
func judgeClaim(document map[string]any, facts map[string]map[string]any) ([]string, error) {
	isClaim := hasExactly(document,
		"at", "claim", "custodian", "format", "hash", "lines", "provider", "purpose", "records", "to")
	items, _ := document["lines"].([]any)
	records, _ := document["records"].([]any)
	if !isClaim || len(items) == 0 || len(records) != len(facts) {
		return nil, errors.New("no claim's document")
	}
	for _, one := range records {
		record, _ := one.(map[string]any)
		origin := record["origin"]
		isRecord := hasExactly(record, "by", "handle", "origin") && facts[textOf(record["handle"])] != nil &&
			(origin == "received-from" || origin == "signed-by")
		if !isRecord {
			return nil, errors.New("a record that the file does not hold")
		}
	}
	lines := []string{fmt.Sprintf("claim %q of %q", textOf(document["claim"]), textOf(document["custodian"]))}
	named := map[string]map[string]bool{}
	sequences := map[float64]bool{}
	for _, item := range items {
		line, _ := item.(map[string]any)
		sequence, hasSequence := line["sequence"].(float64)
		opened, _ := line["opened"].([]any)
		isLine := hasExactly(line, "codes", "end", "opened", "record", "says", "sequence", "start", "unjudged", "word") &&
			hasSequence && sequence >= 1 && !sequences[sequence]
		if !isLine {
			return nil, errors.New("no line")
		}
		sequences[sequence] = true
		says := textOf(line["says"])
		handle := textOf(line["record"])
		switch says {
		case "supported":
			if facts[handle] == nil {
				return nil, errors.New("a line that rests on nothing")
			}
		case "not-supported", "undecidable":
			word, _ := line["word"].([]any)
			if line["record"] != nil || len(opened)+len(word) > 0 {
				return nil, errors.New("a line that says too much")
			}
			lines = append(lines, fmt.Sprintf("line %.0f %s", sequence, says))
			continue
		default:
			return nil, errors.New("a line that says nothing")
		}
		if named[handle] == nil {
			named[handle] = map[string]bool{}
		}
		var shown []string
		for _, one := range opened {
			name := textOf(one)
			value, isOpen := facts[handle][name]
			if !isOpen || !isClaimed(name, value, line, document) {
				return nil, fmt.Errorf("line %.0f: %q is not what the claim says", sequence, name)
			}
			named[handle][name] = true
			shown = append(shown, name)
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("line %.0f %s %s", sequence, says, strings.Join(shown, ","))))
	}
	for handle, values := range facts {
		if named[handle] == nil || len(values) != len(named[handle]) {
			return nil, errors.New("more is opened than lines rest on")
		}
	}
	return lines, nil
}

func isClaimed(name string, value any, line, document map[string]any) bool {
	switch name {
	case "type", "code":
		values, _ := value.([]any)
		codes, _ := line["codes"].([]any)
		return len(values) > 0 && !slices.ContainsFunc(values, func(one any) bool {
			return !slices.ContainsFunc(codes, func(code any) bool { return isSameText(one, code) })
		})
	case "start", "end":
		return isSameText(value, line[name])
	case "performer":
		if values, isList := value.([]any); isList {
			return len(values) == 1 && isSameText(values[0], document["provider"])
		}
		return isSameText(value, document["provider"])
	case "serviceProvider":
		return isSameText(value, document["provider"])
	}
	return false
}

func isSameText(a, b any) bool {
	one, isText := a.(string)
	other, isToo := b.(string)
	return isText && isToo && one == other
}

func judgeExpenses(document map[string]any) ([]string, error) {
	amount, isNumber := document["atLeast"].(float64)
	says, start, end := textOf(document["says"]), textOf(document["start"]), textOf(document["end"])
	isExpenses := hasExactly(document, "at", "atLeast", "currency", "custodian", "end", "format", "purpose",
		"question", "says", "start", "to") && isNumber && amount > 0 && (says == "yes" || says == "no") &&
		day.MatchString(start) && day.MatchString(end) && start <= end && currency.MatchString(textOf(document["currency"]))
	if _, err := hashIn(document["question"]); err != nil || !isExpenses {
		return nil, errors.New("no document of expenses")
	}
	number, err := json.Marshal(amount)
	if err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("expenses %s at least %s %s, %s to %s", says, number, document["currency"], start, end)}, nil
}

func textOf(value any) string {
	text, _ := value.(string)
	return text
}

func hashIn(value any) (hash tlog.Hash, err error) {
	data, err := url64.DecodeString(textOf(value))
	if err == nil && len(data) != tlog.HashSize {
		err = errors.New("no hash")
	}
	copy(hash[:], data)
	return hash, err
}
