/* How often a random square grid lets water through, from the top row to the bottom row.

   percolation SIDE DENSITY TRIALS SEED

   Each of SIDE x SIDE sites is open with the probability DENSITY. The program writes one line: DENSITY, and the
   part of TRIALS grids that water can cross. On large grids this jumps from 0 to 1 at 0.5927. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state;

static double draw(void) { /* xorshift64*: the same numbers on every machine */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (double)((state * 2685821657736338717ULL) >> 11) / 9007199254740992.0;
}

static int crosses(int side, double density, char *open, int *stack) {
    int top = 0;
    for (int site = 0; site < side * side; site++) open[site] = draw() < density;
    for (int site = 0; site < side; site++)
        if (open[site]) open[site] = 0, stack[top++] = site; /* closed again: each site is visited once */
    while (top) {
        int site = stack[--top], column = site % side;
        if (site >= side * (side - 1)) return 1;
        int next[4] = {site + side, site - side, column ? site - 1 : -1, column < side - 1 ? site + 1 : -1};
        for (int i = 0; i < 4; i++)
            if (next[i] >= 0 && open[next[i]]) open[next[i]] = 0, stack[top++] = next[i];
    }
    return 0;
}

int main(int count, char **words) {
    if (count != 5) return fprintf(stderr, "usage: percolation SIDE DENSITY TRIALS SEED\n"), 2;
    int side = atoi(words[1]), trials = atoi(words[3]), crossed = 0;
    double density = atof(words[2]);
    state = 0x9E3779B97F4A7C15ULL * (uint64_t)(atoi(words[4]) + 1);
    if (side < 1 || trials < 1 || density <= 0) return fprintf(stderr, "percolation: not a positive number\n"), 2;
    char *open = malloc((size_t)side * side);
    int *stack = malloc(sizeof(int) * (size_t)side * side);
    if (!open || !stack) return fprintf(stderr, "percolation: no memory\n"), 1;
    for (int trial = 0; trial < trials; trial++) crossed += crosses(side, density, open, stack);
    printf("%s\t%.3f\n", words[2], (double)crossed / trials);
    return 0;
}
