package main

import (
	"errors"
	"net"
	"testing"

	"golang.org/x/crypto/ssh"
)

// passwordServer lets in who knows the password, by keyboard-interactive, and refuses to run anything. A real
// sshd would need the password of a real user.
func passwordServer(t *testing.T, password string) int {
	t.Helper()
	config := &ssh.ServerConfig{
		KeyboardInteractiveCallback: func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password:"}, []bool{false})
			if err == nil && (len(answers) != 1 || answers[0] != password) {
				err = errors.New("denied")
			}
			return nil, err
		},
	}
	signer, err := ssh.NewSignerFromKey(newKey(t).private)
	if err != nil {
		t.Fatal(err)
	}
	config.AddHostKey(signer)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, channels, requests, err := ssh.NewServerConn(conn, config)
				if err != nil {
					return
				}
				go ssh.DiscardRequests(requests)
				for channel := range channels {
					_ = channel.Reject(ssh.Prohibited, "this server runs nothing")
				}
			}()
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}
