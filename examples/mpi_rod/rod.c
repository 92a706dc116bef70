/* How a rod cools whose ends are kept cold, with MPI: each rank has a part of the rod.

   rod CELLS STEPS

   At each step a rank sends the cells at its borders to its neighbours. The exact result is known, so rank 0
   writes the largest error to outputs.json. */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

#define RATIO 0.25 /* time step x diffusivity / square of the distance between cells */

int main(int count, char **words) {
    int rank, size, cells = count > 1 ? atoi(words[1]) : 0, steps = count > 2 ? atoi(words[2]) : 0;
    MPI_Init(&count, &words);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (cells < size || steps < 1) {
        if (!rank) fprintf(stderr, "usage: rod CELLS STEPS, with a cell for each rank at least\n");
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    int first = (int)((long)cells * rank / size), mine = (int)((long)cells * (rank + 1) / size) - first;
    int left = rank ? rank - 1 : MPI_PROC_NULL, right = rank + 1 < size ? rank + 1 : MPI_PROC_NULL;
    double *old = calloc((size_t)mine + 2, sizeof(double)), *new = calloc((size_t)mine + 2, sizeof(double));
    for (int i = 1; i <= mine; i++) old[i] = sin(M_PI * (first + i) / (cells + 1));
    for (int step = 0; step < steps; step++) {
        MPI_Sendrecv(&old[1], 1, MPI_DOUBLE, left, 0, &old[mine + 1], 1, MPI_DOUBLE, right, 0, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE);
        MPI_Sendrecv(&old[mine], 1, MPI_DOUBLE, right, 1, &old[0], 1, MPI_DOUBLE, left, 1, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE);
        for (int i = 1; i <= mine; i++) new[i] = old[i] + RATIO * (old[i - 1] - 2 * old[i] + old[i + 1]);
        double *swap = old;
        old = new, new = swap;
    }
    double factor = pow(1 - 4 * RATIO * pow(sin(M_PI / 2 / (cells + 1)), 2), steps), error = 0, largest;
    for (int i = 1; i <= mine; i++)
        error = fmax(error, fabs(old[i] - factor * sin(M_PI * (first + i) / (cells + 1))));
    MPI_Reduce(&error, &largest, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
    if (!rank) {
        FILE *file = fopen("outputs.json", "w");
        if (!file) MPI_Abort(MPI_COMM_WORLD, 1);
        fprintf(file, "{\"ranks\": %d, \"hottest\": %.6f, \"largestError\": %.1e}\n", size, factor, largest);
        fclose(file);
        printf("%d ranks: hottest %.6f, largest error %.1e\n", size, factor, largest);
    }
    MPI_Finalize();
    return 0;
}
