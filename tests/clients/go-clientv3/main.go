// What people do with the official Go client and its package concurrency: sessions, mutexes, elections, STM.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// What is waited for comes much sooner; nothing depends on how soon.
const patience = 30 * time.Second

var (
	endpoints = strings.Split(os.Getenv("ENDPOINTS"), ",")
	replies   = bufio.NewScanner(os.Stdin)
)

func main() {
	features := []struct {
		name string
		run  func(context.Context, *clientv3.Client) error
	}{
		{"kv", kv},
		{"txn", txn},
		{"watch", watch},
		{"watch-kill", watchKill},
		{"lease", lease},
		{"lease-kill", leaseKill},
		{"lock", lock},
		{"election", election},
		{"auth", auth},
	}
	code := 0
	for _, feature := range features {
		if err := withClient(feature.run); err != nil {
			fmt.Printf("%s: failed: %s\n", feature.name, strings.Join(strings.Fields(err.Error()), " "))
			code = 1
			continue
		}
		fmt.Printf("%s: ok\n", feature.name)
	}
	os.Exit(code)
}

func connect(user, password string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{
		Endpoints:   endpoints,
		DialTimeout: 5 * time.Second,
		Username:    user,
		Password:    password,
		Logger:      zap.NewNop(),
	})
}

func withClient(run func(context.Context, *clientv3.Client) error) error {
	client, err := connect("", "")
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return run(ctx, client)
}

// ask has the runner do something to the members.
func ask(what string) error {
	fmt.Printf("members: %s\n", what)
	if !replies.Scan() || replies.Text() != "done" {
		return errors.New("the runner is gone")
	}
	return nil
}

// until calls condition until it is true.
func until(what string, condition func() bool) error {
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not within %s", what, patience)
		}
	}
	return nil
}

// equal fails unless both are the same.
func equal(what string, is, expected any) error {
	if !reflect.DeepEqual(is, expected) {
		return fmt.Errorf("%s: %v, expected %v", what, is, expected)
	}
	return nil
}

// refused fails unless err has this text of etcd's.
func refused(what string, err error, text string) error {
	if err == nil || !strings.Contains(err.Error(), text) {
		return fmt.Errorf("%s: %v, expected %q", what, err, text)
	}
	return nil
}
