package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// The algorithm byte of a witness's key, in vkeys and before its public key.
const cosignatureV1 = 4

// witness verifies a cosignature/v1 line: the time and 64 bytes of Ed25519, over the time and the checkpoint's body.
type witness struct {
	name string
	id   uint32
	key  ed25519.PublicKey
}

func (w witness) Name() string    { return w.name }
func (w witness) KeyHash() uint32 { return w.id }

func (w witness) Verify(body, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	seconds := binary.BigEndian.Uint64(signature)
	message := append([]byte(fmt.Sprintf("cosignature/v1\ntime %d\n", seconds)), body...)
	return ed25519.Verify(w.key, message, signature[8:])
}

func parseWitness(vkey string) (w witness, err error) {
	name, rest, _ := strings.Cut(vkey, "+")
	id, key64, _ := strings.Cut(rest, "+")
	key, err := base64.StdEncoding.DecodeString(key64)
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != cosignatureV1 {
		return w, fmt.Errorf("not the key of a witness: %s", vkey)
	}
	sum := sha256.Sum256(append([]byte(name+"\n"), key...))
	w = witness{name, binary.BigEndian.Uint32(sum[:4]), key[1:]}
	if fmt.Sprintf("%08x", w.id) != id {
		return w, fmt.Errorf("a key with another id: %s", vkey)
	}
	return w, nil
}

// checkPolicy asks for the quorum of a C2SP policy: witnesses and groups by name, each defined before it is used.
func checkPolicy(signed []byte, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	met := map[string]bool{}
	for _, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		switch {
		case fields[0] == "log":
		case fields[0] == "witness" && len(fields) >= 3:
			if met[fields[1]], err = hasCosigned(signed, fields[2]); err != nil {
				return err
			}
		case fields[0] == "group" && len(fields) >= 4:
			if met[fields[1]], err = isGroupMet(fields[2], fields[3:], met); err != nil {
				return err
			}
		case fields[0] == "quorum" && len(fields) == 2:
			if fields[1] == "none" || met[fields[1]] {
				return nil
			}
			return errors.New("too few witnesses cosigned the checkpoint")
		default:
			return fmt.Errorf("not a line of a policy: %s", line)
		}
	}
	return errors.New("a policy without quorum")
}

func hasCosigned(signed []byte, vkey string) (bool, error) {
	w, err := parseWitness(vkey)
	if err != nil {
		return false, err
	}
	opened, err := note.Open(signed, note.VerifierList(w))
	var unverified *note.UnverifiedNoteError
	if errors.As(err, &unverified) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return bytes.HasPrefix(signed, []byte(opened.Text)), nil
}

func isGroupMet(threshold string, members []string, met map[string]bool) (bool, error) {
	count := 0
	for _, member := range members {
		if met[member] {
			count++
		}
	}
	switch threshold {
	case "any":
		return count >= 1, nil
	case "all":
		return count == len(members), nil
	}
	least, err := strconv.Atoi(threshold)
	return count >= least, err
}
