package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const leaseTTLSeconds = 6

// next is the next events of a watch, count at least.
func next(ctx context.Context, watched clientv3.WatchChan, count int) ([]*clientv3.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var events []*clientv3.Event
	for len(events) < count {
		select {
		case response, ok := <-watched:
			if !ok || response.Err() != nil {
				return nil, fmt.Errorf("the watch has ended: %w", response.Err())
			}
			events = append(events, response.Events...)
		case <-ctx.Done():
			return nil, fmt.Errorf("%d of %d events: %w", len(events), count, ctx.Err())
		}
	}
	return events, nil
}

func shown(events []*clientv3.Event) []string {
	lines := make([]string, 0, len(events))
	for _, event := range events {
		lines = append(lines, fmt.Sprintf("%s %s=%s %d", event.Type, event.Kv.Key, event.Kv.Value, event.Kv.ModRevision))
	}
	return lines
}

func watch(ctx context.Context, c *clientv3.Client) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	put, err := c.Put(ctx, "watch/a", "1")
	if err != nil {
		return err
	}
	first := put.Header.Revision
	_, second := c.Put(ctx, "watch/b", "2")
	_, third := c.Delete(ctx, "watch/a")
	if err := errors.Join(second, third); err != nil {
		return err
	}
	watched := c.Watch(ctx, "watch/", clientv3.WithPrefix(), clientv3.WithRev(first))
	past, err := next(ctx, watched, 3)
	if err != nil {
		return err
	}
	_, elsewhere := c.Put(ctx, "elsewhere", "x")
	_, fourth := c.Put(ctx, "watch/b", "3")
	if err := errors.Join(elsewhere, fourth); err != nil {
		return err
	}
	came, err := next(ctx, watched, 1)
	if err != nil {
		return err
	}
	resumed := c.Watch(ctx, "watch/b", clientv3.WithRev(first+2), clientv3.WithPrevKV(), clientv3.WithFilterDelete())
	events, err := next(ctx, resumed, 1)
	if err != nil {
		return err
	}
	expected := []string{
		fmt.Sprintf("PUT watch/a=1 %d", first),
		fmt.Sprintf("PUT watch/b=2 %d", first+1),
		fmt.Sprintf("DELETE watch/a= %d", first+2),
		fmt.Sprintf("PUT watch/b=3 %d", first+4),
	}
	return errors.Join(
		equal("what was and came", shown(append(past, came...)), expected),
		equal("the event, resumed", shown(events), expected[3:]),
		equal("the value before", string(events[0].PrevKv.Value), "2"),
	)
}

func watchKill(ctx context.Context, c *clientv3.Client) error {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	put, err := c.Put(ctx, "crash", "0")
	if err != nil {
		return err
	}
	acknowledged := map[int64]string{put.Header.Revision: "0"}
	final := put.Header.Revision
	events := make(chan *clientv3.Event, 1000)
	go follow(ctx, c, put.Header.Revision, events)
	for member := range endpoints {
		if err := ask(fmt.Sprintf("kill %d", member+1)); err != nil {
			return err
		}
		for range 5 {
			value := strconv.Itoa(len(acknowledged))
			if final, err = putUntil(ctx, c, value); err != nil {
				return err
			}
			acknowledged[final] = value
		}
		if err := ask("wait"); err != nil {
			return err
		}
	}
	return checkHistory(events, acknowledged, final)
}

// follow passes on events. The client resumes by itself where a member ends; a watch that requires a leader ends where
// there is none, and its users watch anew behind the last event.
func follow(ctx context.Context, c *clientv3.Client, behind int64, to chan<- *clientv3.Event) {
	for ctx.Err() == nil {
		for response := range c.Watch(ctx, "crash", clientv3.WithRev(behind)) {
			for _, event := range response.Events {
				to <- event
				behind = event.Kv.ModRevision + 1
			}
		}
	}
}

// putUntil puts a value until a member has done it: the client itself tries a write once.
func putUntil(ctx context.Context, c *clientv3.Client, value string) (revision int64, err error) {
	err = until("put "+value, func() bool {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		put, err := c.Put(ctx, "crash", value)
		if err != nil {
			return false
		}
		revision = put.Header.Revision
		return true
	})
	return revision, err
}

// checkHistory reads events up to a revision: the versions of the key have no gap and no repeat, and all that was
// acknowledged is there.
func checkHistory(events <-chan *clientv3.Event, acknowledged map[int64]string, final int64) error {
	for version := int64(1); ; version++ {
		select {
		case event := <-events:
			if err := equal("version of the key", event.Kv.Version, version); err != nil {
				return err
			}
			if value, ok := acknowledged[event.Kv.ModRevision]; ok && value != string(event.Kv.Value) {
				return fmt.Errorf("revision %d: %s, expected %s", event.Kv.ModRevision, event.Kv.Value, value)
			}
			delete(acknowledged, event.Kv.ModRevision)
			if event.Kv.ModRevision >= final {
				return equal("acknowledged puts that no event tells of", len(acknowledged), 0)
			}
		case <-time.After(patience):
			return fmt.Errorf("no event of version %d", version)
		}
	}
}

func lease(ctx context.Context, c *clientv3.Client) error {
	granted, err := c.Grant(ctx, 60)
	if err != nil {
		return err
	}
	if _, err := c.Put(ctx, "lease/a", "x", clientv3.WithLease(granted.ID)); err != nil {
		return err
	}
	left, err := c.TimeToLive(ctx, granted.ID, clientv3.WithAttachedKeys())
	if err != nil {
		return err
	}
	kept, err := c.KeepAliveOnce(ctx, granted.ID)
	if err != nil {
		return err
	}
	if _, err := c.Revoke(ctx, granted.ID); err != nil {
		return err
	}
	_, again := c.Revoke(ctx, granted.ID)
	short, err := c.Grant(ctx, 1)
	if err != nil {
		return err
	}
	if _, err := c.Put(ctx, "lease/b", "x", clientv3.WithLease(short.ID)); err != nil {
		return err
	}
	return errors.Join(
		equal("time to live granted", []int64{granted.TTL, left.GrantedTTL, kept.TTL}, []int64{60, 60, 60}),
		equal("time to live left is within ten seconds", left.TTL >= 50 && left.TTL <= 60, true),
		equal("the lease's keys", fmt.Sprintf("%s", left.Keys), "[lease/a]"),
		refused("revoked twice", again, "etcdserver: requested lease not found"),
		isGone(ctx, c, "lease/"),
	)
}

func isGone(ctx context.Context, c *clientv3.Client, prefix string) error {
	return until("end of the keys below "+prefix, func() bool {
		found, err := c.Get(ctx, prefix, clientv3.WithPrefix())
		return err == nil && found.Count == 0
	})
}

func leaseKill(ctx context.Context, c *clientv3.Client) error {
	granted, err := c.Grant(ctx, leaseTTLSeconds)
	if err != nil {
		return err
	}
	if _, err := c.Put(ctx, "kept", "x", clientv3.WithLease(granted.ID)); err != nil {
		return err
	}
	keeping, stop := context.WithCancel(ctx)
	defer stop()
	renewals, err := c.KeepAlive(keeping, granted.ID)
	if err != nil {
		return err
	}
	for member := range endpoints {
		if err := errors.Join(ask(fmt.Sprintf("kill %d", member+1)), ask("wait")); err != nil {
			return err
		}
		for len(renewals) > 0 {
			<-renewals
		}
		// One renewal each third of the time to live: for the first member longer than that.
		for range map[bool]int{true: 5, false: 2}[member == 0] {
			select {
			case renewal, ok := <-renewals:
				if !ok || renewal.TTL != leaseTTLSeconds {
					return fmt.Errorf("renewal after the end of member %d: %v", member+1, renewal)
				}
			case <-time.After(patience):
				return fmt.Errorf("no renewal after the end of member %d", member+1)
			}
		}
	}
	kept, err := c.Get(ctx, "kept")
	if err != nil {
		return err
	}
	stop()
	return errors.Join(equal("the key that was kept alive", pairs(kept), []string{"kept=x"}), isGone(ctx, c, "kept"))
}
